//! What the author of a file expects of a run.

use jsonc_parser::ast::Value as Node;

use super::actors::Actors;
use super::json::{self, Object, Spanned};
use super::keys::{Key, Takes};
use super::names::quote;
use super::plan::Expect;
use super::report::Mistakes;
use super::source::Span;
use crate::event::Outcome;

const OUTCOMES: [(&str, Outcome); 3] =
    [("completed", Outcome::Completed), ("stopped", Outcome::Stopped), ("deadlock", Outcome::Deadlock)];

/// Why a run can come to a deadlock.
const CAUSES: [&str; 6] =
    ["cycle", "self-lock", "recursive-read", "futurelock", "blocked-thread", "missed-notification"];

/// The fields of `expect`.
pub(super) const FIELDS: &[Key] = &[
    Key::new("outcome", Takes::Choice(|| OUTCOMES.map(|(name, _)| name).to_vec()), "how the run ends"),
    Key::new(
        "acquires",
        Takes::Acquires,
        "who acquired when, in order: `task@ms`, such as `reader@0` or `writer#2@1000`",
    ),
    Key::new("prints", Takes::Texts, "what `print` and `dbg` say, in order"),
    Key::new("cause", Takes::Choice(|| CAUSES.to_vec()), "why it is a deadlock"),
];

/// Reads the field `expect`; `None` after a mistake.
pub(super) fn read(node: &Node, actors: &Actors, mistakes: &mut Mistakes) -> Option<Expect> {
    let form = "{ \"outcome\": \"completed\", \"acquires\": [ \"reader@0\" ] }";
    let mut object = Object::read(node, "`expect`", form, "field", mistakes)?;
    object.only("`expect`", FIELDS, mistakes);
    let outcome =
        json::optional(object.get("outcome"), |node| json::choice(node, "`outcome`", &OUTCOMES, mistakes));
    let acquires = json::optional(object.get("acquires"), |node| acquires(node, actors, mistakes));
    let prints = json::optional(object.get("prints"), |node| {
        let lines = json::strings(node, "`prints`", mistakes)?;
        Some(lines.into_iter().map(|line| line.value.to_owned()).collect())
    });
    let causes = CAUSES.map(|cause| (cause, cause));
    let cause = json::optional(object.get("cause"), |node| json::choice(node, "`cause`", &causes, mistakes));
    if let Some(key) = object.key("cause")
        && !matches!(outcome, None | Some(Some(Outcome::Deadlock)))
    {
        let label =
            if outcome == Some(None) { "no `outcome` is expected" } else { "another outcome is expected" };
        mistakes
            .error(key, "only a deadlock has a cause")
            .label(label)
            .help("write \"outcome\": \"deadlock\", or remove `cause`");
    }
    Some(Expect { outcome: outcome?, acquires: acquires?, prints: prints?, cause: cause?.map(str::to_owned) })
}

fn acquires(node: &Node, actors: &Actors, mistakes: &mut Mistakes) -> Option<Vec<(String, u64)>> {
    let mut last: Option<(u64, Span)> = None;
    json::all(json::list(node, "`acquires`", mistakes)?, |node| {
        let text = json::string(node, "each of `acquires`", mistakes)?;
        let (task, ms) = acquire(&text, actors, mistakes)?;
        if let Some((before, earlier)) = &last
            && ms < *before
        {
            mistakes
                .error(text.at.clone(), "the expected acquisitions go back in time")
                .label(format!("at {ms} ms"))
                .also(earlier.clone(), format!("after {before} ms"))
                .help("list them in the order in which they happen");
        }
        last = Some((ms, text.at));
        Some((task, ms))
    })
}

/// One acquisition: `task@ms`.
fn acquire(text: &Spanned<&str>, actors: &Actors, mistakes: &mut Mistakes) -> Option<(String, u64)> {
    let parts = text.value.rsplit_once('@').map(|(task, ms)| (task, ms.parse().ok()));
    let Some((task, Some(ms))) = parts else {
        let task = parts.map_or(text.value, |(task, _)| task);
        mistakes
            .error(text.at.clone(), format!("{} is not an acquisition", quote(text.value)))
            .label("expected a task, @ and milliseconds")
            .help(format!("write such as \"{task}@1000\", without a unit"));
        return None;
    };
    let known = actors.check(&Spanned { value: task, at: text.at.clone() }, mistakes);
    known.then(|| (task.to_owned(), ms))
}
