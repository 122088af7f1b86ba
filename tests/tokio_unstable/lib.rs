//! Nothing: the test beside this folder is what there is.
