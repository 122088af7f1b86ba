//! A guard is used as the value it guards: `Deref`, `Debug` and `Display`, all by way of its field `inner`.

/// Of a guard that only reads.
macro_rules! as_its_shared_value {
    ([$($generics:tt)*] $guard:ty => $value:ident) => {
        impl<$($generics)*> std::ops::Deref for $guard {
            type Target = $value;

            fn deref(&self) -> &$value {
                &self.inner
            }
        }

        impl<$($generics)*> std::fmt::Debug for $guard
        where
            $value: std::fmt::Debug,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($generics)*> std::fmt::Display for $guard
        where
            $value: std::fmt::Display,
        {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&**self, f)
            }
        }
    };
}

/// Of a guard that changes it too.
macro_rules! as_its_value {
    ([$($generics:tt)*] $guard:ty => $value:ident) => {
        $crate::sync::as_value::as_its_shared_value!([$($generics)*] $guard => $value);

        impl<$($generics)*> std::ops::DerefMut for $guard {
            fn deref_mut(&mut self) -> &mut $value {
                &mut self.inner
            }
        }
    };
}

pub(super) use {as_its_shared_value, as_its_value};
