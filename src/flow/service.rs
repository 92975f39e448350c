//! Protocol names, service names and the service port of a conversation.

/// IANA protocol numbers and their usual names.
pub const PROTOCOLS: &[(u8, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipip"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (46, "rsvp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "icmp6"),
    (88, "eigrp"),
    (89, "ospf"),
    (103, "pim"),
    (112, "vrrp"),
    (115, "l2tp"),
    (132, "sctp"),
    (136, "udplite"),
];

/// The name of a protocol number, if it is in [`PROTOCOLS`].
#[must_use]
pub fn protocol_name(proto: u8) -> Option<&'static str> {
    PROTOCOLS.iter().find(|(number, _)| *number == proto).map(|(_, name)| *name)
}

/// The number of a protocol name. `ipv6-icmp` and `icmpv6` are names in other tools.
#[must_use]
pub fn protocol_number(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "icmpv6" | "ipv6-icmp" => Some(58),
        _ => PROTOCOLS.iter().find(|(_, known)| *known == name).map(|(number, _)| *number),
    }
}

/// Ports of known services, sorted by port: those that administrators encounter.
pub const SERVICES: &[(u16, &str)] = &[
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (53, "dns"),
    (67, "dhcp"),
    (68, "dhcp"),
    (69, "tftp"),
    (80, "http"),
    (88, "kerberos"),
    (110, "pop3"),
    (111, "rpcbind"),
    (119, "nntp"),
    (123, "ntp"),
    (135, "msrpc"),
    (137, "netbios"),
    (138, "netbios"),
    (139, "netbios"),
    (143, "imap"),
    (161, "snmp"),
    (162, "snmptrap"),
    (179, "bgp"),
    (389, "ldap"),
    (443, "https"),
    (445, "smb"),
    (465, "smtps"),
    (500, "isakmp"),
    (514, "syslog"),
    (515, "lpd"),
    (548, "afp"),
    (554, "rtsp"),
    (587, "submission"),
    (631, "ipp"),
    (636, "ldaps"),
    (853, "dot"),
    (873, "rsync"),
    (993, "imaps"),
    (995, "pop3s"),
    (1080, "socks"),
    (1194, "openvpn"),
    (1433, "mssql"),
    (1521, "oracle"),
    (1701, "l2tp"),
    (1723, "pptp"),
    (1812, "radius"),
    (1813, "radius"),
    (1883, "mqtt"),
    (1935, "rtmp"),
    (2049, "nfs"),
    (2055, "netflow"),
    (3128, "proxy"),
    (3260, "iscsi"),
    (3306, "mysql"),
    (3389, "rdp"),
    (3478, "stun"),
    (4500, "ipsec-nat"),
    (4739, "ipfix"),
    (5004, "rtp"),
    (5060, "sip"),
    (5061, "sips"),
    (5222, "xmpp"),
    (5353, "mdns"),
    (5432, "postgres"),
    (5900, "vnc"),
    (5938, "teamviewer"),
    (6343, "sflow"),
    (6379, "redis"),
    (6881, "bittorrent"),
    (8080, "http-alt"),
    (8443, "https-alt"),
    (8801, "zoom"),
    (9000, "http-alt"),
    (9100, "printer"),
    (9418, "git"),
    (11211, "memcached"),
    (25565, "minecraft"),
    (27017, "mongodb"),
    (51820, "wireguard"),
];

/// If both ports are this or higher, neither is taken as a service.
const EPHEMERAL: u16 = 32_768;

/// The service port for traffic without a known service.
pub const OTHER: u16 = 0;

/// The name of a service port.
#[must_use]
pub fn service_name(port: u16) -> Option<&'static str> {
    SERVICES.binary_search_by_key(&port, |(number, _)| *number).ok().map(|at| SERVICES[at].1)
}

/// Known ports as a bit set, because this is tested once per flow.
const KNOWN: [u64; 1024] = {
    let mut bits = [0u64; 1024];
    let mut at = 0;
    while at < SERVICES.len() {
        let port = SERVICES[at].0 as usize;
        bits[port / 64] |= 1 << (port % 64);
        at += 1;
    }
    bits
};

fn is_known(port: u16) -> bool {
    KNOWN[usize::from(port) / 64] >> (port % 64) & 1 == 1
}

/// Whether the protocol carries port numbers.
#[must_use]
pub fn has_ports(proto: u8) -> bool {
    matches!(proto, 6 | 17 | 33 | 132 | 136)
}

/// The service port of a conversation, the same for both directions: the port in
/// [`SERVICES`],
/// otherwise the lower one, and [`OTHER`] if both are 32768 or higher or the protocol has
/// no ports.
#[must_use]
pub fn service_port(proto: u8, a: u16, b: u16) -> u16 {
    if !has_ports(proto) {
        return OTHER;
    }
    match (is_known(a), is_known(b)) {
        (true, false) => a,
        (false, true) => b,
        _ if a.min(b) >= EPHEMERAL => OTHER,
        _ => a.min(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_port_is_the_same_in_both_directions() {
        for (a, b, want) in [
            (40_000, 443, 443),
            (8080, 6000, 8080),
            (5000, 6000, 5000),
            (443, 80, 80),
            (40_000, 50_000, OTHER),
            (51_820, 40_000, 51_820),
            (0, 9, 0),
        ] {
            assert_eq!(service_port(6, a, b), want, "{a} {b}");
            assert_eq!(service_port(6, b, a), want, "{b} {a}");
        }
        assert_eq!(service_port(1, 0, 0x0800), OTHER, "ICMP has no ports");
    }

    #[test]
    fn tables_are_sorted_and_names_are_found() {
        assert!(SERVICES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(PROTOCOLS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(service_name(443), Some("https"));
        assert_eq!(service_name(444), None);
        for (number, name) in PROTOCOLS {
            assert_eq!(protocol_number(name), Some(*number));
            assert_eq!(protocol_name(*number), Some(*name));
        }
        assert_eq!(protocol_number("ICMPv6"), Some(58));
    }
}
