//! Size classes: powers of two from 64 B up.

/// The size of the smallest class.
pub(super) const SMALLEST: usize = 64;

/// The classes of one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes {
    count: usize,
}

impl Classes {
    /// From the smallest up to the one that holds `max` bytes.
    pub(super) fn up_to(max: usize) -> Self {
        Self { count: index(max) + 1 }
    }

    pub(super) fn count(self) -> usize {
        self.count
    }

    /// Of the largest class.
    pub(super) fn largest(self) -> usize {
        self.size(self.count - 1)
    }

    pub(super) fn size(self, class: usize) -> usize {
        SMALLEST << class
    }

    /// The smallest class whose buffers hold so much; `None` where none does.
    pub(super) fn holding(self, bytes: usize) -> Option<usize> {
        let class = index(bytes);
        (class < self.count).then_some(class)
    }

    pub(super) fn sizes(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |class| self.size(class))
    }
}

/// 0 for up to 64, 1 for up to 128, and so on.
fn index(bytes: usize) -> usize {
    let above = bytes.saturating_sub(1) / SMALLEST;
    (usize::BITS - above.leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_is_asked_for_and_less_than_twice_as_much() {
        let classes = Classes::up_to(1 << 20);
        assert_eq!((classes.count(), classes.largest()), (15, 1 << 20));
        for bytes in (0..5000).chain([65_535, 65_536, 65_537, (1 << 20) - 1, 1 << 20]) {
            let size = classes.size(classes.holding(bytes).unwrap());
            assert!(size >= bytes && (size == SMALLEST || size < 2 * bytes), "{bytes}: {size}");
        }
        assert_eq!(classes.holding((1 << 20) + 1), None);
        assert_eq!(classes.holding(usize::MAX), None);
        assert_eq!(Classes::up_to(64).count(), 1);
        assert_eq!(Classes::up_to(65).largest(), 128);
    }
}
