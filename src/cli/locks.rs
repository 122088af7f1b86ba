//! `--lock`: other kinds for the locks of a scenario, as the command line writes them.

use crate::event::LockKind;
use crate::scenario::Swap;
use crate::trace::words;

/// What one `--lock` says: `KIND`, or `NAME=KIND`, or several of these parted by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swaps {
    /// How it was written: what a variant is called.
    pub text: String,
    /// What it says.
    pub swaps: Vec<Swap>,
}

/// Reads the value of a `--lock`.
///
/// # Errors
///
/// What is wrong with it, and the fix.
pub fn swaps(text: &str) -> Result<Swaps, String> {
    let swaps = text.split(',').map(swap).collect::<Result<Vec<_>, _>>()?;
    once(&swaps)?;
    Ok(Swaps { text: text.to_owned(), swaps })
}

/// All of several `--lock` together, for one run.
///
/// # Errors
///
/// If they name two kinds for the same lock.
pub fn together(all: &[Swaps]) -> Result<Vec<Swap>, String> {
    let swaps: Vec<Swap> = all.iter().flat_map(|all| all.swaps.iter().cloned()).collect();
    once(&swaps).map(|()| swaps)
}

fn once(swaps: &[Swap]) -> Result<(), String> {
    let twice = swaps.iter().enumerate().find(|(at, swap)| swaps[..*at].iter().any(|s| s.lock == swap.lock));
    match twice {
        None => Ok(()),
        Some((_, Swap { lock: Some(lock), .. })) => {
            Err(format!("two kinds for the lock `{}`: give one", words::clean(lock)))
        }
        Some(_) => Err("two kinds for every lock: give one, or `--lock NAME=KIND` for each lock".into()),
    }
}

fn swap(text: &str) -> Result<Swap, String> {
    let (lock, path) = match text.split_once('=') {
        Some(("", _)) => return Err("there is no name before the `=`: write NAME=KIND, or KIND alone".into()),
        Some((lock, path)) => (Some(lock.trim().to_owned()), path.trim()),
        None => (None, text.trim()),
    };
    Ok(Swap { lock, kind: kind(path)? })
}

/// The kind of this path.
fn kind(path: &str) -> Result<LockKind, String> {
    let all = LockKind::ALL.map(LockKind::path);
    if let Some(kind) = LockKind::ALL.into_iter().find(|kind| kind.path() == path) {
        return Ok(kind);
    }
    // `Mutex` alone, or `std::Mutex`, is far from a path in letters and near to it in meaning.
    let last = |path: &str| path.rsplit("::").next().unwrap_or_default().to_lowercase();
    let (first, wanted) = (path.split("::").next().unwrap_or_default(), last(path));
    let named: Vec<&str> = all.into_iter().filter(|known| last(known) == wanted).collect();
    let of_crate = named.iter().find(|known| path.contains("::") && known.starts_with(&format!("{first}::")));
    let length = path.chars().count();
    let nearest = (length <= 64)
        .then(|| all.into_iter().map(|known| (strsim::damerau_levenshtein(known, path), known)).min())
        .flatten()
        .filter(|(distance, _)| *distance <= length / 3)
        .map(|(_, known)| known);
    let help = match (of_crate.copied().or(nearest), named.as_slice()) {
        (Some(known), _) => format!("did you mean `{known}`?"),
        (None, []) => format!("known: {}", all.join(", ")),
        (None, named) => format!("write the whole path: {}", named.join(", ")),
    };
    Err(format!("unknown kind of lock `{}`; {help}", words::clean(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match swaps(text) {
            Ok(all) => {
                let told =
                    |swap: &Swap| format!("{}={}", swap.lock.as_deref().unwrap_or("*"), swap.kind.path());
                all.swaps.iter().map(told).collect::<Vec<_>>().join(" ")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn a_kind_alone_is_for_every_lock() {
        assert_eq!(told("std::sync::Mutex"), "*=std::sync::Mutex");
        assert_eq!(told("db=std::sync::Mutex"), "db=std::sync::Mutex");
        assert_eq!(
            told("db=futures::lock::Mutex,log=tokio::sync::Mutex"),
            "db=futures::lock::Mutex log=tokio::sync::Mutex"
        );
    }

    #[test]
    fn what_was_probably_meant_is_named() {
        for (text, help) in [
            ("std::Mutex", "did you mean `std::sync::Mutex`?"),
            ("futures::Mutex", "did you mean `futures::lock::Mutex`?"),
            ("tokio::sync::Mutx", "did you mean `tokio::sync::Mutex`?"),
            ("FairMutex", "write the whole path: parking_lot::FairMutex"),
            ("db=semaphore", "write the whole path: tokio::sync::Semaphore, async_lock::Semaphore"),
            ("", "known: tokio::sync::Mutex, "),
        ] {
            assert!(told(text).contains(help), "{text}: {}", told(text));
        }
        assert!(told("=std::sync::Mutex").contains("no name before"));
        assert!(told("\u{1b}[31m").contains("`\u{241b}[31m`"));
    }

    #[test]
    fn one_kind_for_a_lock() {
        assert!(told("db=std::sync::Mutex,db=tokio::sync::Mutex").contains("two kinds for the lock `db`"));
        assert!(told("std::sync::Mutex,tokio::sync::Mutex").contains("two kinds for every lock"));
        let [a, b] = ["std::sync::Mutex", "db=tokio::sync::Mutex"].map(|text| swaps(text).unwrap());
        assert_eq!(together(&[a.clone(), b]).unwrap().len(), 2);
        assert!(together(&[a.clone(), a]).is_err());
    }
}
