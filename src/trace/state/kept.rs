//! What a state keeps of all tasks, or of all locks: alone what it has changed, which it changes in its place; and all
//! else together with its copies.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

/// All of a state's tasks, or locks. It reads like a list of them.
#[derive(Clone)]
pub struct Kept<T> {
    /// What is this state's alone; of the rest nothing.
    own: Vec<Option<T>>,
    /// What has not changed since it was shared, at the same index. It may be shorter.
    shared: Shared<T>,
}

/// What states have together.
pub(super) type Shared<T> = Arc<[Arc<T>]>;

impl<T> Kept<T> {
    /// The one at `index`, if there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        match self.own.get(index)? {
            Some(own) => Some(own),
            None => self.shared.get(index).map(|shared| &**shared),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.own.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.own.is_empty()
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> + Clone {
        (0..self.len()).map(|index| &self[index])
    }
}

impl<T: Clone> Kept<T> {
    /// The one at `index`, to be changed: from here on this state's alone.
    #[inline]
    pub(super) fn change(&mut self, index: usize) -> Option<&mut T> {
        let own = self.own.get_mut(index)?;
        if own.is_none() {
            *own = Some(T::clone(self.shared.get(index)?));
        }
        own.as_mut()
    }

    /// Changes those that are `so`.
    pub(super) fn change_all(&mut self, so: impl Fn(&T) -> bool, change: impl Fn(&mut T)) {
        for index in 0..self.len() {
            if so(&self[index]) {
                self.change(index).into_iter().for_each(&change);
            }
        }
    }
}

impl<T: Clone + PartialEq> Kept<T> {
    /// Shares all that there are. Neighbours that are equal become one, as thousands of tasks are that do nothing; and
    /// none keeps the room for more that has come together while it was alone.
    pub(super) fn share(&mut self) -> Shared<T> {
        let mut all: Vec<Arc<T>> = Vec::with_capacity(self.len());
        for (index, own) in self.own.iter_mut().enumerate() {
            all.push(match (own.take(), all.last()) {
                (None, _) => Arc::clone(&self.shared[index]),
                (Some(own), Some(last)) if own == **last => Arc::clone(last),
                (Some(own), _) => Arc::new(own.clone()),
            });
        }
        self.shared = all.into();
        Arc::clone(&self.shared)
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { own: Vec::new(), shared: Arc::default() }
    }
}

/// As they were shared.
impl<T> From<Shared<T>> for Kept<T> {
    fn from(shared: Shared<T>) -> Self {
        Self { own: shared.iter().map(|_| None).collect(), shared }
    }
}

impl<T> Extend<T> for Kept<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        self.own.extend(more.into_iter().map(Some));
    }
}

/// # Panics
///
/// Panics where there is none of that index.
impl<T> Index<usize> for Kept<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        self.own[index].as_ref().unwrap_or_else(|| &self.shared[index])
    }
}

impl<T: PartialEq> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Kept<T> {}

impl<T: fmt::Debug> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
