//! The words of nfdump's language that are refused with a reason.

/// A word of nfdump's language about something that toptalk does not keep.
#[derive(Debug)]
pub struct UnsupportedWord {
    /// The word in its spellings.
    pub names: &'static [&'static str],
    /// What is not kept, or what to write instead.
    pub lack: &'static str,
}

macro_rules! missing {
    ($($names:tt $lack:literal;)*) => {
        /// All words of nfdump's language that are refused.
        pub const MISSING: &[UnsupportedWord] = &[$(UnsupportedWord { names: &$names, lack: $lack }),*];
    };
}

missing! {
    ["geo"] "countries are not known";
    ["tun proto", "tunip", "tun ip"] "tunnels are not decoded";
    ["ident"] "no labels; use `exporter ADDRESS`";
    ["sysid"] "no numbers; use `exporter ADDRESS`";
    ["count"] "flows are not numbered";
    ["nfversion"] "the export version is not kept";
    ["observation point", "observation point id"] "observation points are not kept";
    ["payload"] "payload is not kept";
    ["flowlabel"] "flow labels are not kept";
    ["client latency", "server latency", "app latency"] "latencies are not kept";
    ["pblock start", "pblock end", "pblock step", "pblock size"] "NAT port blocks are not kept";
    ["asa event"] "use `nat event N`";
    ["asa xevent"] "event reasons are not kept";
    ["ingress acl", "ingress ace", "ingress xace", "egress acl"] "access lists are not kept";
    ["pf action", "pf reason", "pf rule", "pf dir", "pf interface"] "pf's records are not kept";
    ["@include"] "filters cannot include files";
}
