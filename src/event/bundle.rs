//! Events on their way from one place to another, many at once.

use super::{Actor, Event, Kind, Packed, TaskId};

/// Events in order, packed, and beside them those that do not fit into that form: for each of these an event
/// [aside](Kind::Aside) stands among the others, with its index.
///
/// ```
/// use lockscope::event::*;
///
/// let actor = Actor { task: TaskId(0), step: None };
/// let event = |what| Event { seq: 0, at: Time::ZERO, actor, what };
/// let events = [event(What::Spawn), event(What::Print { text: "hello".into() }), event(What::Finish)];
/// let bundle: Bundle = events.iter().cloned().collect();
/// assert_eq!((bundle.events.len(), bundle.asides.len()), (3, 1));
/// assert_eq!(bundle.iter().collect::<Vec<_>>(), events);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    /// The events.
    pub events: Vec<Packed>,
    /// Those that some of them stand for.
    pub asides: Vec<Event>,
}

impl Bundle {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds the last.
    pub fn push(&mut self, event: Event) {
        if let Some(packed) = Packed::of(&event) {
            return self.events.push(packed);
        }
        // Who acts is told by the event itself, where the bits are not enough for it. An index always fits.
        let nobody = Actor { task: TaskId(0), step: None };
        let index = self.asides.len() as u64;
        let aside = Packed::aside(event.at, event.actor, index);
        if let Some(aside) = aside.or_else(|| Packed::aside(event.at, nobody, index)) {
            self.events.push(aside);
            self.asides.push(event);
        }
    }

    /// All of them, in order. Their `seq` is 0.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.events.iter().filter_map(|packed| {
            let aside = || self.asides.get(packed.large() as usize).filter(|_| packed.kind() == Kind::Aside);
            packed.event(0).or_else(|| Some(Event { seq: 0, ..aside()?.clone() }))
        })
    }
}

impl FromIterator<Event> for Bundle {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        let mut bundle = Self::default();
        events.into_iter().for_each(|event| bundle.push(event));
        bundle
    }
}
