//! The report on one datagram: what it held, and the causes why parts of it were not used.

use crate::flow::Protocol;

/// Declares the causes: each with its name, its stable text key and its explanation.
macro_rules! causes {
    ($($cause:ident $name:literal $explanation:literal;)*) => {
        /// Why a part of a datagram was not used, or what was unusual about it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Cause { $(#[doc = $explanation] $cause),* }

        impl Cause {
            /// Every cause, in the order of the enum.
            pub const ALL: &[Cause] = &[$(Cause::$cause),*];

            /// A short stable name for JSON, metrics and logs.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Cause::$cause => $name),* }
            }

            /// An explanation in a sentence for people.
            #[must_use]
            pub fn explanation(self) -> &'static str {
                match self { $(Cause::$cause => $explanation),* }
            }
        }
    };
}

causes! {
    UnknownVersion "unknown_version" "datagrams of an unknown protocol or version; NetFlow v1, v5, v7, v9, IPFIX and sFlow v5 are decoded";
    TooShort "too_short" "datagrams shorter than their own header";
    BadHeader "bad_header" "datagrams whose header contradicts itself";
    NotAllowed "not_allowed" "datagrams of exporters outside the networks given by --allow";
    ExporterLimit "exporter_limit" "datagrams of further exporters: at most 1,024 are known; accept only your own with --allow";
    DomainLimit "domain_limit" "datagrams of further observation domains: an exporter has at most 256";
    SessionLimit "session_limit" "datagrams of exporters that send from more than 64 ports; each of these exporters counts as one session, so that losses of its processes are not told apart";
    SetLength "set_length" "sets whose length is impossible; the rest of the datagram is lost";
    MessageLength "message_length" "messages longer or shorter than their header says; the complete sets in them were used";
    SetTruncated "set_truncated" "sets or samples that claim to be longer than the rest of the datagram; their complete records were used";
    BadSample "bad_sample" "sFlow samples that contradict themselves or are cut off; what could be read of them was used";
    ReservedSet "reserved_set" "sets with an id that the protocol reserves";
    BadTemplate "bad_template" "templates that are cut off, empty or too long";
    TemplateLimit "template_limit" "further templates: an exporter has at most 1,024, and all exporters share 1/32 of --memory, at most 64 MB";
    TemplateChanged "template_changed" "templates redefined with other fields (after a restart, or spoofed)";
    NoTemplate "no_template" "data sets that arrived before their template; they are kept until the template arrives";
    TemplateOutdated "template_outdated" "data sets that do not fit their template, which the exporter has redefined; they are kept until the new template arrives";
    HeldDropped "held_dropped" "data sets dropped because their template did not arrive in time; shorten the exporter's template timeout";
    TemplateWithdrawn "template_withdrawn" "templates that the exporter withdrew";
    BadRecord "bad_record" "records whose lengths do not add up; the rest of their set is lost";
    NoAddresses "no_addresses" "records and samples without addresses; they count for no host";
    GuessedTimes "guessed_times" "records whose times count from the start of an exporter that does not report when it started; toptalk assumes that they ended when they were sent";
    NoTimes "no_times" "records without times; the export time is used instead";
    FirstAfterLast "first_after_last" "records that end before they begin";
    FarOffTimes "far_off_times" "records that ended more than a day before or after their arrival; toptalk assumes that they have just ended; set the exporter's clock";
    RateByteOrder "rate_byte_order" "sampling rates that came with their bytes in the wrong order; the rate the other way round is used";
    RateDoubtful "rate_doubtful" "sampling rates that may have come with their bytes in the wrong order; used as they came; --sampling sets the right rate";
    TotalWithoutBase "total_without_base" "records with totals of flows that began before toptalk knew them; only what is reported later counts";
    Implausible "implausible" "records whose counters make no sense: more than 65,535 bytes per packet, more than 2 Tbit/s, or bytes without packets in most records of a set; they are not used";
    Leftover "leftover" "datagrams with bytes after the last set or sample";
}

impl Cause {
    /// The cause for a sampling rate whose bytes were, or may be, in the wrong order.
    #[must_use]
    pub fn of_rate(is_swapped: bool) -> Cause {
        if is_swapped { Cause::RateByteOrder } else { Cause::RateDoubtful }
    }

    /// Whether data was lost. With the other causes, the data was used all the same.
    #[must_use]
    pub fn loses(self) -> bool {
        use Cause::{
            FarOffTimes, FirstAfterLast, GuessedTimes, Leftover, MessageLength, NoTemplate,
            NoTimes, RateByteOrder, RateDoubtful, SessionLimit, TemplateChanged, TemplateOutdated,
            TemplateWithdrawn,
        };
        let harmless = [
            FarOffTimes,
            FirstAfterLast,
            GuessedTimes,
            Leftover,
            MessageLength,
            NoTemplate,
            NoTimes,
            RateByteOrder,
            RateDoubtful,
            SessionLimit,
            TemplateChanged,
            TemplateOutdated,
            TemplateWithdrawn,
        ];
        !harmless.contains(&self)
    }
}

/// Counts by [`Cause`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CauseCounts([u32; Cause::ALL.len()]);

impl CauseCounts {
    /// Adds 1 to the count of a cause.
    pub fn count(&mut self, cause: Cause) {
        self.add(cause, 1);
    }

    /// Adds `n` to the count of a cause.
    pub fn add(&mut self, cause: Cause, n: u32) {
        let slot = &mut self.0[cause as usize];
        *slot = slot.saturating_add(n);
    }

    /// How often a cause occurred.
    #[must_use]
    pub fn get(&self, cause: Cause) -> u32 {
        self.0[cause as usize]
    }

    /// The causes that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, u32)> {
        let counts = self.0;
        Cause::ALL.iter().map(move |cause| (*cause, counts[*cause as usize])).filter(|c| c.1 > 0)
    }
}

/// Records of data templates and flow samples without addresses, which count for no host,
/// with the sums of their counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnattributedRecords {
    /// Number of records.
    pub records: u32,
    /// Bytes that they counted.
    pub bytes: u64,
    /// Packets that they counted.
    pub packets: u64,
}

/// Samples of an sFlow datagram, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// Flow samples.
    pub flow: u32,
    /// Counter samples.
    pub counter: u32,
    /// Samples of packets that the device dropped.
    pub discard: u32,
    /// Samples of formats that are not decoded.
    pub other: u32,
}

/// What a datagram held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramReport {
    /// Version in the header, 0 when the datagram is too short to have one.
    pub version: u16,
    /// `None` when the protocol is not known.
    pub protocol: Option<Protocol>,
    /// Flows that were appended.
    pub flows: u32,
    /// How many of the flows are the reverse direction of a biflow.
    pub reversed: u32,
    /// Records of events that counted no traffic (firewall and NAT logs).
    pub events: u32,
    /// Records whose counters say nothing that was not counted before, or that make no sense.
    pub uncounted: u32,
    /// Samples of sFlow. Flow samples with addresses count among `flows`, too.
    pub samples: SampleCounts,
    /// Data records of options templates.
    pub options: u32,
    /// Template records in the datagram.
    pub templates: u32,
    /// Options template records in the datagram.
    pub options_templates: u32,
    /// Records without addresses.
    pub addressless: UnattributedRecords,
    /// How often each cause occurred.
    pub causes: CauseCounts,
}

/// What a record became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordOutcome {
    /// A flow, or two flows for a biflow.
    Flow,
    /// An event: the record has addresses, but all its counters are zero.
    Event,
    /// Nothing: the record has no addresses.
    Addressless,
    /// Nothing: what its counters say was counted before, or makes no sense.
    Uncounted,
}
