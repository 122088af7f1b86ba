//! `new`: a commented scenario to begin with.

use std::fs::OpenOptions;
use std::io::{self, Write};

use super::Failure;
use crate::scenario;
use crate::trace::words;

/// Writes the starter to a new file and says what to type next, on stderr; without a file it goes to
/// stdout, alone.
pub fn new(file: Option<&str>) -> Result<(), Failure> {
    let Some(path) = file.filter(|path| *path != "-") else {
        let mut out = io::stdout().lock();
        out.write_all(scenario::STARTER.as_bytes())?;
        out.flush()?;
        return Ok(());
    };
    // Whatever is there already stays, even if it came a moment ago.
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    let mut out = created.map_err(|error| refuse(path, &error))?;
    if let Err(error) = out.write_all(scenario::STARTER.as_bytes()).and_then(|()| out.sync_all()) {
        // Half a file is worse than none.
        drop(out);
        let _ = std::fs::remove_file(path);
        return Err(Failure::Failed(format!("cannot write `{}`: {error}", words::clean(path))));
    }
    let argument = argument(path);
    let next = format!(
        "wrote {}; next:\n  lockscope run {argument} --watch    draws it anew whenever you save it\n  \
         lockscope order {argument}          what happened, as text\n",
        words::clean(path)
    );
    let _ = io::stderr().write_all(next.as_bytes());
    Ok(())
}

fn refuse(path: &str, error: &io::Error) -> Failure {
    let shown = words::clean(path);
    Failure::Unusable(if error.kind() == io::ErrorKind::AlreadyExists {
        format!(
            "error: `{shown}` is already there, and stays as it is\n  help: give another name; without \
             one, `lockscope new` prints the scenario\n"
        )
    } else {
        format!(
            "error: cannot write `{shown}`: {error}\n  help: give a file in a directory that you can write to\n"
        )
    })
}

/// How to write a path behind `lockscope run`, in a shell.
fn argument(path: &str) -> String {
    let path = words::clean(path);
    let taken = scenario::find(&path).is_some() || path.starts_with('-');
    let path = if taken { format!("./{path}") } else { path.into_owned() };
    let plain = |c: char| c.is_alphanumeric() || "._/-+@%:=,".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_type_next_names_the_file_and_nothing_else() {
        assert_eq!(argument("dir/my.json"), "dir/my.json");
        assert_eq!(argument("my file's.json"), r"'my file'\''s.json'");
        assert_eq!(argument(scenario::DEFAULT), format!("./{}", scenario::DEFAULT));
        assert_eq!(argument("-x.json"), "./-x.json");
        assert_eq!(argument("$(id).json"), "'$(id).json'");
    }
}
