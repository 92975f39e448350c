//! Elements of enterprises that real devices were seen to send, and the field types above
//! 32767 that vendors use in NetFlow v9, which has no enterprise numbers.

use super::information_element::{ElementType, RegistryEntry, entries};

/// An enterprise (IANA "Private Enterprise Numbers") and its known elements; the list may
/// be empty.
pub struct Vendor {
    /// Enterprise number.
    pub pen: u32,
    /// Name of the enterprise.
    pub name: &'static str,
    /// Its elements, sorted by number.
    pub elements: &'static [RegistryEntry],
}

macro_rules! vendors {
    ($($pen:literal $name:literal $elements:expr;)*) => {
        /// Enterprises with a name, sorted by number.
        pub const VENDORS: &[Vendor] =
            &[$(Vendor { pen: $pen, name: $name, elements: $elements }),*];
    };
}

vendors! {
    9 "Cisco" CISCO;
    637 "Nokia" NOKIA;
    2011 "Huawei" &[];
    2636 "Juniper" &[];
    3054 "Ixia" IXIA;
    5951 "NetScaler" &[];
    6527 "Nokia (SR OS)" &[];
    6871 "CERT" CERT;
    6876 "VMware" VMWARE;
    8057 "CESNET" &[];
    8741 "SonicWall" &[];
    9694 "Arbor" &[];
    9789 "Astaro" ASTARO;
    10704 "Barracuda" BARRACUDA;
    12356 "Fortinet" &[];
    13745 "Plixer" &[];
    14988 "MikroTik" &[];
    15397 "Procera" PROCERA;
    21373 "netfilter" NETFILTER;
    23867 "Silver Peak" &[];
    25461 "Palo Alto" &[];
    25506 "H3C" &[];
    26866 "Gigamon" &[];
    29305 "reverse" &[];
    30065 "Arista" &[];
    35632 "ntop" NTOP;
    39499 "Flowmon" &[];
    41916 "Viptela" VIPTELA;
    43874 "pmacct" &[];
    45346 "VeloCloud" &[];
    47729 "Niagara" &[];
}

#[rustfmt::skip]
entries! { CISCO:
    4251 transportPacketsLost Unsigned; 4254 transportRtpSsrc Unsigned;
    4257 transportRtpJitterMaximum Unsigned; 4273 transportRtpPayloadType Unsigned;
    4325 transportRtpJitterMeanSum Unsigned; 8233 c3plClassCceId Unsigned;
    8234 c3plClassName Text; 8235 c3plClassType Octets; 8236 c3plPolicyCceId Unsigned;
    8237 c3plPolicyName Text; 8238 c3plPolicyType Octets; 8337 serverBytesNetwork Unsigned;
    8338 clientBytesNetwork Unsigned; 9252 servicesWaasSegment Unsigned;
    9253 servicesWaasPassthroughReason Unsigned; 9268 clientPacketsRetransmitted Unsigned;
    9272 transactionCountComplete Unsigned; 9273 transactionDurationSum Unsigned;
    9292 serverCountResponses Unsigned; 9300 delayResponseToServerLate Unsigned;
    9303 delayResponseToServerSum Unsigned; 9306 delayApplicationSum Unsigned;
    9307 delayApplicationMax Unsigned; 9309 delayResponseClientToServerSum Unsigned;
    9313 delayNetworkClientToServerSum Unsigned; 9316 delayNetworkToClientSum Unsigned;
    9319 delayNetworkToServerSum Unsigned; 9357 applicationHttpUriStatistics Octets;
    12232 applicationCategoryName Text; 12233 applicationSubCategoryName Text;
    12234 applicationGroupName Text; 12235 applicationHttpHost Octets;
    12236 connectionClientIPv4Address V4; 12237 connectionServerIPv4Address V4;
    12240 connectionClientTransportPort Unsigned; 12241 connectionServerTransportPort Unsigned;
    12242 connectionId Unsigned; 12243 applicationTrafficClass Octets;
    12244 applicationBusinessRelevance Octets;
}

#[rustfmt::skip]
entries! { NOKIA:
    91 natInsideServiceId Unsigned; 92 natOutsideServiceId Unsigned; 93 natSubscriber Text;
}

#[rustfmt::skip]
entries! { IXIA:
    110 l7ApplicationId Unsigned; 111 l7ApplicationName Text; 120 sourceCountryCode Text;
    121 sourceCountryName Text; 122 sourceRegionCode Text; 123 sourceRegionName Text;
    125 sourceCityName Text; 126 sourceLatitude Float; 127 sourceLongitude Float;
    140 destinationCountryCode Text; 141 destinationCountryName Text;
    142 destinationRegionCode Text; 143 destinationRegionName Text;
    145 destinationCityName Text; 146 destinationLatitude Float;
    147 destinationLongitude Float; 160 osDeviceId Unsigned; 161 osDeviceName Text;
    162 browserId Unsigned; 163 browserName Text; 176 reverseOctetDeltaCount Unsigned;
    177 reversePacketDeltaCount Unsigned; 178 encryptionType Text; 179 encryptionCipher Text;
    180 encryptionKeyLength Unsigned; 181 imsi Text; 182 httpUserAgent Text; 183 hostName Text;
    184 httpUri Text; 185 dnsTxt Text; 186 sourceAsName Text; 187 destinationAsName Text;
    188 transactionLatencyMicroseconds Unsigned; 189 dnsQueryNames Text;
    190 dnsAnswerNames Text; 191 dnsClasses Text; 192 threatType Text; 193 threatIPv4 V4;
    194 threatIPv6 V6;
}

#[rustfmt::skip]
entries! { CERT:
    14 initialTCPFlags Unsigned; 15 unionTCPFlags Unsigned; 18 payload Octets;
    21 reverseFlowDeltaMilliseconds Unsigned; 33 silkAppLabel Unsigned;
    35 payloadEntropy Unsigned; 36 osName Text; 37 osVersion Text; 38 firstPacketBanner Octets;
    39 secondPacketBanner Octets; 40 flowAttributes Unsigned; 100 expiredFragmentCount Unsigned;
    101 assembledFragmentCount Unsigned; 102 meanFlowRate Unsigned; 103 meanPacketRate Unsigned;
}

#[rustfmt::skip]
entries! { VMWARE:
    880 tenantProtocol Unsigned; 881 tenantSourceIPv4 V4; 882 tenantDestIPv4 V4;
    883 tenantSourceIPv6 V6; 884 tenantDestIPv6 V6; 886 tenantSourcePort Unsigned;
    887 tenantDestPort Unsigned; 888 egressInterfaceAttr Unsigned;
    889 vxlanExportRole Unsigned; 890 ingressInterfaceAttr Unsigned;
}

#[rustfmt::skip]
entries! { ASTARO:
    1 afcProtocol Unsigned; 2 afcProtocolName Text; 4 flowDirection Unsigned;
}

#[rustfmt::skip]
entries! { BARRACUDA:
    1 timestamp Seconds; 2 logOp Unsigned; 3 trafficType Unsigned; 4 fwRule Text;
    5 serviceName Text; 6 reason Unsigned; 7 reasonText Text; 8 bindIPv4Address V4;
    9 bindTransportPort Unsigned; 10 connIPv4Address V4; 11 connTransportPort Unsigned;
    12 auditCounter Unsigned;
}

#[rustfmt::skip]
entries! { PROCERA:
    1 service Text; 2 baseService Text; 3 incomingOctets Unsigned; 4 outgoingOctets Unsigned;
    5 incomingPackets Unsigned; 6 outgoingPackets Unsigned; 7 incomingShapingLatency Unsigned;
    8 outgoingShapingLatency Unsigned; 9 incomingShapingDrops Unsigned;
    10 outgoingShapingDrops Unsigned; 11 internalRtt Signed; 12 externalRtt Signed;
    15 flowBehavior Text; 16 contentCategories Text; 17 property Text; 18 serverHostname Text;
    19 httpRequestMethod Text; 20 httpUserAgent Text; 21 httpContentType Text; 22 httpUrl Text;
    23 httpReferer Text; 24 httpResponseStatus Unsigned; 25 httpFileLength Unsigned;
    26 httpLocation Text; 27 httpLanguage Text; 28 subscriberIdentifier Text;
    29 msisdn Unsigned; 30 imsi Unsigned; 31 rat Text; 32 deviceId Unsigned; 33 sgsn Text;
    34 rnc Unsigned; 35 apn Text; 36 userLocationInformation Text; 37 ggsn Text;
    38 qoeIncomingInternal Float; 39 qoeIncomingExternal Float; 40 qoeOutgoingInternal Float;
    41 qoeOutgoingExternal Float; 42 localIPv4Host V4; 43 localIPv6Host V6;
    44 remoteIPv4Host V4; 45 remoteIPv6Host V6; 46 httpRequestVersion Text;
    47 templateName Text;
}

#[rustfmt::skip]
entries! { NETFILTER:
    4 mark Unsigned; 6 conntrackId Unsigned;
}

// In NetFlow v9, nProbe numbers these elements from 57472 on.
#[rustfmt::skip]
entries! { NTOP:
    80 srcFragments Unsigned; 81 dstFragments Unsigned; 82 srcToDstMaxThroughput Unsigned;
    83 srcToDstMinThroughput Unsigned; 84 srcToDstAvgThroughput Unsigned;
    85 dstToSrcMaxThroughput Unsigned; 86 dstToSrcMinThroughput Unsigned;
    87 dstToSrcAvgThroughput Unsigned; 101 srcIpCountry Text; 102 srcIpCity Text;
    103 dstIpCountry Text; 104 dstIpCity Text; 105 flowProtoPort Unsigned;
    107 longestFlowPkt Unsigned; 108 shortestFlowPkt Unsigned; 109 retransmittedInPkts Unsigned;
    110 retransmittedOutPkts Unsigned; 111 ooorderInPkts Unsigned; 112 ooorderOutPkts Unsigned;
    113 untunneledProtocol Unsigned; 114 untunneledIPv4SrcAddr V4;
    115 untunneledL4SrcPort Unsigned; 116 untunneledIPv4DstAddr V4;
    117 untunneledL4DstPort Unsigned; 118 l7Proto Unsigned; 119 l7ProtoName Text;
    121 flowUserName Text; 122 flowServerName Text; 123 clientNwLatencyMs Unsigned;
    124 serverNwLatencyMs Unsigned; 125 applLatencyMs Unsigned; 126 pluginName Text;
    127 retransmittedInBytes Unsigned; 128 retransmittedOutBytes Unsigned; 180 httpUrl Text;
    181 httpRetCode Unsigned; 182 httpReferer Text; 183 httpUa Text; 184 httpMime Text;
    185 smtpMailFrom Text; 186 smtpRcptTo Text; 187 httpHost Text; 188 sslServerName Text;
    189 bittorrentHash Text; 205 dnsQuery Text; 206 dnsQueryId Unsigned;
    207 dnsQueryType Unsigned; 208 dnsRetCode Unsigned; 209 dnsNumAnswers Unsigned;
    352 dnsTtlAnswer Unsigned; 360 httpMethod Text; 361 httpSite Text; 398 dnsResponse Text;
}

#[rustfmt::skip]
entries! { VIPTELA:
    4321 vpnId Unsigned;
}

// Cisco: NAT logs, security event logs of the ASA, TrustSec, media monitoring. Old ASA
// releases used 40001 to 40005 for the present elements 225 to 228 and 233. Palo Alto:
// applications and users.
#[rustfmt::skip]
entries! { VERSION9:
    24628 natContextId Unsigned; 24629 natContextName Text; 24630 natAssignSeconds Seconds;
    24631 natUnassignSeconds Seconds; 24632 natInternalIPv4Address V4;
    24633 natExternalIPv4Address V4; 24634 natExternalPortFirst Unsigned;
    24635 natExternalPortLast Unsigned; 33000 ingressAclId Octets; 33001 egressAclId Octets;
    33002 firewallExtendedEvent Unsigned; 34000 sgtSourceTag Unsigned;
    34001 sgtDestinationTag Unsigned; 34002 sgtSourceName Text; 34003 sgtDestinationName Text;
    37000 packetsDropped Unsigned; 37003 byteRate Unsigned; 37004 applicationMediaBytes Unsigned;
    37006 applicationMediaByteRate Unsigned; 37007 applicationMediaPackets Unsigned;
    37009 applicationMediaPacketRate Unsigned; 37011 applicationMediaEvent Unsigned;
    37012 monitorEvent Unsigned; 37013 timestampInterval Unsigned;
    37014 transportPacketsExpected Unsigned; 37016 transportRoundTripTime Unsigned;
    37017 transportEventPacketLoss Unsigned; 37019 transportPacketsLost Unsigned;
    37021 transportPacketsLostRate Unsigned; 37022 transportRtpSsrc Unsigned;
    37023 transportRtpJitterMean Unsigned; 37024 transportRtpJitterMin Unsigned;
    37025 transportRtpJitterMax Unsigned; 40000 username Text; 40001 xlateSrcAddrIPv4 V4;
    40002 xlateDstAddrIPv4 V4; 40003 xlateSrcPort Unsigned; 40004 xlateDstPort Unsigned;
    40005 firewallEventOld Unsigned; 56701 panosAppId Text; 56702 panosUserId Text;
}
