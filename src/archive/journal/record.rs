//! A flow, and what came with it, in bytes of a fixed number: every field in the
//! order below, little-endian, nothing between them.

use crate::flow::{Duplicate, Flow, Host, MAX_TEXT, MPLS_LABELS, More, Sampling, Text, Time};

/// Something of a fixed number of bytes.
trait Raw: Copy {
    const LEN: usize;

    /// Writes it to the front of `out`; what is behind it is given back.
    fn store(self, out: &mut [u8]) -> &mut [u8];

    /// Reads it from the front of `from`, which is moved on.
    fn load(from: &mut &[u8]) -> Self;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Raw for $number {
            const LEN: usize = size_of::<$number>();

            #[inline]
            fn store(self, out: &mut [u8]) -> &mut [u8] {
                match out.split_first_chunk_mut() {
                    Some((own, rest)) => {
                        *own = self.to_le_bytes();
                        rest
                    }
                    None => &mut [],
                }
            }

            #[inline]
            fn load(from: &mut &[u8]) -> $number {
                match from.split_first_chunk() {
                    Some((own, rest)) => {
                        *from = rest;
                        <$number>::from_le_bytes(*own)
                    }
                    None => 0,
                }
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, i64, u128);

/// Something that is kept as a number.
macro_rules! kept_as {
    ($($type:ty: $number:ty, $to:expr, $from:expr;)*) => {$(
        impl Raw for $type {
            const LEN: usize = <$number>::LEN;

            #[inline]
            fn store(self, out: &mut [u8]) -> &mut [u8] {
                let to: fn($type) -> $number = $to;
                to(self).store(out)
            }

            #[inline]
            fn load(from: &mut &[u8]) -> $type {
                let of: fn($number) -> $type = $from;
                of(<$number>::load(from))
            }
        }
    )*};
}

kept_as! {
    Host: u128, |host| host.0, Host;
    Time: i64, |time| time.0, Time;
    Sampling: u32, |sampling| sampling.rate().unwrap_or(0), Sampling::one_in;
    bool: u8, u8::from, |byte| byte != 0;
    Duplicate: u8, u8::from, Duplicate::of;
}

impl Raw for [u32; MPLS_LABELS] {
    const LEN: usize = MPLS_LABELS * u32::LEN;

    #[inline]
    fn store(self, out: &mut [u8]) -> &mut [u8] {
        self.into_iter().fold(out, |out, label| label.store(out))
    }

    #[inline]
    fn load(from: &mut &[u8]) -> Self {
        std::array::from_fn(|_| u32::load(from))
    }
}

impl Raw for Text {
    const LEN: usize = MAX_TEXT;

    #[inline]
    fn store(self, out: &mut [u8]) -> &mut [u8] {
        match out.split_first_chunk_mut() {
            Some((own, rest)) => {
                *own = *self.padded();
                rest
            }
            None => &mut [],
        }
    }

    #[inline]
    fn load(from: &mut &[u8]) -> Text {
        match from.split_first_chunk::<MAX_TEXT>() {
            Some((own, rest)) => {
                *from = rest;
                Text::of_bytes(own)
            }
            None => Text::EMPTY,
        }
    }
}

/// The fields of a record with their types; behind a semicolon those that are not
/// stored. Taking the whole struct apart, the compiler refuses a field that is in neither.
macro_rules! record {
    (
        $type:ident, $len:ident, $names:ident, $store:ident, $load:ident,
        $($field:ident: $raw:ty),* $(,)? $(; $unstored:ident)?
    ) => {
        /// Bytes of a record.
        pub const $len: usize = 0 $(+ <$raw as Raw>::LEN)*;

        /// Its fields in their order, each with how many bytes it has.
        pub const $names: &[(&str, usize)] = &[$((stringify!($field), <$raw as Raw>::LEN)),*];

        /// Appends a record.
        #[inline]
        pub fn $store(record: &$type, out: &mut Vec<u8>) {
            let mut bytes = [0; $len];
            let $type { $($field,)* $($unstored: _)? } = *record;
            let rest: &mut [u8] = &mut bytes;
            $(let rest = <$raw as Raw>::store($field, rest);)*
            debug_assert!(rest.is_empty());
            out.extend_from_slice(&bytes);
        }

        /// Reads a record.
        #[inline]
        pub fn $load(bytes: &[u8; $len]) -> $type {
            let mut from: &[u8] = bytes;
            $(let $field = <$raw as Raw>::load(&mut from);)*
            $type { $($field,)* $($unstored: Default::default())? }
        }
    };
}

record! {
    Flow, FLOW_LEN, FLOW_FIELDS, store_flow, load_flow,
    src: Host, dst: Host, next_hop: Host, exporter: Host,
    first: Time, last: Time, arrival: Time, clock_offset: i64,
    bytes: u64, packets: u64,
    domain: u32, sampling: Sampling, input: u32, output: u32, src_as: u32, dst_as: u32,
    more: u32,
    sport: u16, dport: u16, vlan: u16,
    proto: u8, tcp_flags: u8, tos: u8, src_mask: u8, dst_mask: u8, direction: u8,
    timed: bool, duplicate: Duplicate; packet_sample
}

record! {
    More, MORE_LEN, MORE_FIELDS, store_more, load_more,
    bgp_next_hop: Host, nat_src: Host, nat_dst: Host,
    in_src_mac: u64, out_dst_mac: u64, in_dst_mac: u64, out_src_mac: u64,
    mpls: [u32; MPLS_LABELS],
    prev_as: u32, next_as: u32, in_vrf: u32, out_vrf: u32,
    nat_sport: u16, nat_dport: u16, dst_vlan: u16,
    dst_tos: u8, min_ttl: u8, max_ttl: u8, nat_event: u8, forwarding: u8,
    flow_count: u32, src_inside: Host, dst_inside: Host, app: u64, user: Text,
    tunnel: u8, tunnel_key: u32,
}

/// Bytes of what came with a flow in journals of version 1: up to `forwarding`. A
/// flow's own record is the same in both versions.
pub const MORE_LEN_1: usize = 147;

/// What version 2 added to that.
const _: () =
    assert!(MORE_LEN - MORE_LEN_1 == 2 * u32::LEN + 2 * Host::LEN + u64::LEN + Text::LEN + 1);

/// Reads what came with a flow in a journal of version 1: the fields that are new
/// since are as if nobody had reported them.
#[inline]
pub fn load_more_1(bytes: &[u8; MORE_LEN_1]) -> More {
    let mut whole = [0; MORE_LEN];
    for (byte, own) in whole.iter_mut().zip(bytes) {
        *byte = *own;
    }
    load_more(&whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_flow_and_are_written_again(
            mut bytes in proptest::collection::vec(any::<u8>(), FLOW_LEN..=FLOW_LEN),
            mut more in proptest::collection::vec(any::<u8>(), MORE_LEN..=MORE_LEN),
        ) {
            // What is true and false are the last two bytes.
            bytes[FLOW_LEN - 2] &= 1;
            bytes[FLOW_LEN - 1] &= 1;
            let mut again = Vec::new();
            store_flow(&load_flow(bytes[..].try_into().unwrap()), &mut again);
            prop_assert_eq!(&again, &bytes);
            again.clear();
            // A text has no zeros within, and only what is UTF-8.
            let text = MORE_LEN - 5 - MAX_TEXT..MORE_LEN - 5;
            more[text].fill(b'x');
            store_more(&load_more(more[..].try_into().unwrap()), &mut again);
            prop_assert_eq!(&again, &more);
            let old = load_more_1(more[..MORE_LEN_1].try_into().unwrap());
            prop_assert_eq!((old.forwarding, old.flow_count), (more[MORE_LEN_1 - 1], 0));
            prop_assert!(old.user.is_empty());
            more.clear();
        }
    }

    #[test]
    fn records_have_the_length_that_the_document_says() {
        assert_eq!((FLOW_LEN, MORE_LEN), (154, 260));
        let mut bytes = Vec::new();
        store_flow(&Flow { sport: 0x1234, ..Flow::EMPTY }, &mut bytes);
        assert_eq!(bytes.len(), FLOW_LEN);
        assert_eq!(bytes[140..142], [0x34, 0x12]);
    }
}
