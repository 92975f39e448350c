//! Marks of flows that were reported more than once.

/// Whether the same flow was reported before, and by which exporter. Such a flow is counted
/// once, unless `--no-dedup` is given. The archive stores the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Duplicate {
    /// This is the first report.
    #[default]
    No = 0,
    /// The same exporter reported it before, from another interface or session.
    SameExporter = 1,
    /// Another exporter on the flow's path reported it before (`--count-once`).
    OtherExporter = 2,
}

impl Duplicate {
    /// The value of a number from an archive. Every number except 0 is a duplicate.
    #[must_use]
    pub fn of(number: u8) -> Duplicate {
        match number {
            0 => Duplicate::No,
            1 => Duplicate::SameExporter,
            _ => Duplicate::OtherExporter,
        }
    }

    /// Whether the flow was reported before.
    #[must_use]
    pub fn is_set(self) -> bool {
        self != Duplicate::No
    }
}

impl From<Duplicate> for u8 {
    fn from(duplicate: Duplicate) -> u8 {
        duplicate as u8
    }
}

impl From<Duplicate> for u64 {
    fn from(duplicate: Duplicate) -> u64 {
        u64::from(duplicate as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_back() {
        for duplicate in [Duplicate::No, Duplicate::SameExporter, Duplicate::OtherExporter] {
            assert_eq!(Duplicate::of(duplicate.into()), duplicate);
            assert_eq!(duplicate.is_set(), u64::from(duplicate) != 0);
        }
        assert!(Duplicate::of(200).is_set());
    }
}
