//! A macro that declares a struct whose members are stored: the struct, its value when nothing was
//! reported, and its bytes in a journal.

/// A member of a record, as it is stored in journals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the member.
    pub name: &'static str,
    /// Number of bytes in a journal.
    pub bytes: usize,
    /// Version of the archive that introduced it.
    pub since: u32,
}

/// Number of bytes of a record in journals of a version. Newer members are at the end.
#[must_use]
pub const fn len_of(members: &[Member], version: u32) -> usize {
    let (mut at, mut bytes) = (0, 0);
    while at < members.len() {
        if members[at].since <= version {
            bytes += members[at].bytes;
        }
        at += 1;
    }
    bytes
}

/// The version that introduced a member. An unknown name is an error in the table of fields, at
/// compile time.
pub(super) const fn since_of(members: &[Member], name: &str) -> u32 {
    let mut at = 0;
    while at < members.len() {
        if is_same(members[at].name.as_bytes(), name.as_bytes()) {
            return members[at].since;
        }
        at += 1;
    }
    panic!("no member of that name")
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Whether newer members come after all older ones.
pub(super) const fn is_appended(members: &[Member]) -> bool {
    let mut at = 1;
    while at < members.len() {
        if members[at].since < members[at - 1].since {
            return false;
        }
        at += 1;
    }
    true
}

/// Declares a record. A member is `name: type`, then `= value` if its value when not reported
/// differs from its type's, then `; since N` if a later version of the archive introduced it. The
/// order is that of journals. `unstored` members are not in files.
macro_rules! record {
    (
        $(#[$doc:meta])*
        pub struct $record:ident ($nothing:ident) {
            $($(#[$docs:meta])* pub $member:ident: $type:ty $(= $value:expr)? $(; since $since:literal)?,)*
        }
        unstored {
            $($(#[$unstored_docs:meta])* pub $unstored:ident: $unstored_type:ty = $unstored_value:expr,)*
        }
    ) => {
        $(#[$doc])*
        pub struct $record {
            $($(#[$docs])* pub $member: $type,)*
            $($(#[$unstored_docs])* pub $unstored: $unstored_type,)*
        }

        impl $record {
            /// The record when nothing was reported.
            pub const $nothing: $record = $record {
                $($member: $crate::flow::record::first!($($value,)? <$type as Fixed>::NOTHING),)*
                $($unstored: $unstored_value,)*
            };

            /// The stored members, in the order of journals.
            pub const MEMBERS: &[Member] = &[$(Member {
                name: stringify!($member),
                bytes: <$type as Fixed>::BYTES,
                since: $crate::flow::record::first!($($since,)? 1),
            }),*];

            /// Number of bytes of a record in journals of the newest version.
            pub const BYTES: usize = 0 $(+ <$type as Fixed>::BYTES)*;

            /// Appends its bytes: all members in order, little-endian, without padding.
            #[inline]
            pub fn store(&self, out: &mut Vec<u8>) {
                let mut bytes = [0; $record::BYTES];
                let rest: &mut [u8] = &mut bytes;
                $(let rest = Fixed::store(self.$member, rest);)*
                debug_assert!(rest.is_empty());
                out.extend_from_slice(&bytes);
            }

            /// Reads a record from its bytes. Members beyond the end, which older journals do not
            /// have, are set as if they were not reported.
            #[inline]
            #[must_use]
            pub fn load(bytes: &[u8]) -> $record {
                let mut from = bytes;
                $(let $member = <$type as Fixed>::load(&mut from);)*
                $record { $($member,)* $($unstored: $unstored_value,)* }
            }
        }

        const _: () = assert!($crate::flow::record::is_appended($record::MEMBERS));
    };
}

/// The first argument.
macro_rules! first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}

pub(super) use {first, record};
