//! Declares a struct of which every member is stored, once: the struct, its value where
//! nothing was reported, and its bytes in a journal.

/// A member of a record, as journals have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub name: &'static str,
    /// Its bytes in a journal.
    pub bytes: usize,
    /// The version of the archive in which it came.
    pub since: u32,
}

/// Bytes of a record in journals of a version: members that came later are at its end.
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

/// The version in which a member came. Calling it for no member is a fault of the
/// table of fields that stops the compiler.
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

/// Whether members that came later stand behind all that came before.
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

/// Declares a record. A member is `name: type`, then `= value` where nothing reported is
/// another value than its type's, then `; since N` if a version of the archive after the
/// first brought it. The order is that of journals; `unstored` members are in no file.
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
            /// Nothing was reported.
            pub const $nothing: $record = $record {
                $($member: $crate::flow::record::first!($($value,)? <$type as Fixed>::NOTHING),)*
                $($unstored: $unstored_value,)*
            };

            /// The members that are stored, in their order in journals.
            pub const MEMBERS: &[Member] = &[$(Member {
                name: stringify!($member),
                bytes: <$type as Fixed>::BYTES,
                since: $crate::flow::record::first!($($since,)? 1),
            }),*];

            /// Bytes of a record in journals of the newest version.
            pub const BYTES: usize = 0 $(+ <$type as Fixed>::BYTES)*;

            /// Appends its bytes: every member in its order, little-endian, nothing
            /// between them.
            #[inline]
            pub fn store(&self, out: &mut Vec<u8>) {
                let mut bytes = [0; $record::BYTES];
                let rest: &mut [u8] = &mut bytes;
                $(let rest = Fixed::store(self.$member, rest);)*
                debug_assert!(rest.is_empty());
                out.extend_from_slice(&bytes);
            }

            /// Reads it from its bytes. Members behind their end, which journals of older
            /// versions lack, are as if nobody had reported them.
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

/// The first of what there is.
macro_rules! first {
    ($first:expr $(, $rest:expr)*) => {
        $first
    };
}

pub(super) use {first, record};
