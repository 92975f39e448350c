//! SQL macros for databases that read segments: addresses and MAC addresses as text.

/// A database for which macros are available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// DuckDB.
    DuckDb,
    /// ClickHouse.
    ClickHouse,
}

/// SQL statements that define `addr_text(column)` (an address as text), `is_v4(column)`
/// (whether an address is IPv4) and `mac_text(column)` (a MAC address as text). For DuckDB also
/// `flows(files)`, which reads segments of all versions with the columns of the newest.
#[must_use]
pub fn macros(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::DuckDb => DUCKDB,
        Dialect::ClickHouse => CLICKHOUSE,
    }
}

/// DuckDB has no function that writes an IPv6 address. RFC 5952, section 4.2, wants the longest
/// run of zero groups, the first one of equal runs, written as `::`. The macro writes the eight
/// groups as `:0:0:1:…` and cuts out the longest `:0:0…`.
const DUCKDB: &str = "\
CREATE OR REPLACE MACRO is_v4(address) AS hex(address) LIKE '00000000000000000000FFFF%';
CREATE OR REPLACE MACRO addr_byte(address, nth) AS
    CAST(CAST('0x' || substr(hex(address), 2 * nth + 1, 2) AS INTEGER) AS VARCHAR);
CREATE OR REPLACE MACRO v4_text(address) AS
    addr_byte(address, 12) || '.' || addr_byte(address, 13) || '.' ||
    addr_byte(address, 14) || '.' || addr_byte(address, 15);
CREATE OR REPLACE MACRO v6_groups(address) AS
    ':' || array_to_string(list_transform(range(8), lambda nth:
        lower(coalesce(nullif(ltrim(substr(hex(address), CAST(4 * nth + 1 AS BIGINT), 4), '0'), ''), '0'))), ':') || ':';
CREATE OR REPLACE MACRO v6_zeros(groups) AS
    list_filter([':0:0:0:0:0:0:0:0:', ':0:0:0:0:0:0:0:', ':0:0:0:0:0:0:', ':0:0:0:0:0:', ':0:0:0:0:',
        ':0:0:0:', ':0:0:'], lambda zeros: instr(groups, zeros) > 0)[1];
CREATE OR REPLACE MACRO v6_short(groups) AS
    CASE WHEN v6_zeros(groups) IS NULL THEN trim(groups, ':')
    ELSE ltrim(left(groups, instr(groups, v6_zeros(groups)) - 1), ':') || '::' ||
        rtrim(substr(groups, instr(groups, v6_zeros(groups)) + length(v6_zeros(groups))), ':') END;
CREATE OR REPLACE MACRO addr_text(address) AS
    CASE WHEN is_v4(address) THEN v4_text(address) ELSE v6_short(v6_groups(address)) END;
CREATE OR REPLACE MACRO mac_text(mac) AS
    rtrim(regexp_replace(lower(lpad(to_hex(CAST(mac AS BIGINT)), 12, '0')), '(..)', '\\1:', 'g'), ':');
CREATE OR REPLACE MACRO flows(files) AS TABLE
    SELECT * REPLACE (greatest(coalesce(flow_count, 0), 1) AS flow_count)
    FROM (SELECT * FROM read_parquet(files, union_by_name = true) UNION ALL BY NAME
        SELECT CAST(0 AS UTINYINT) AS duplicate, CAST(0 AS UINTEGER) AS flow_count,
            CAST('' AS BLOB) AS src_inside, CAST('' AS BLOB) AS dst_inside, CAST(0 AS UBIGINT) AS app,
            '' AS user, CAST(0 AS UTINYINT) AS tunnel, CAST(0 AS UINTEGER) AS tunnel_key, '' AS app_name
        WHERE false);
";

const CLICKHOUSE: &str = "\
CREATE OR REPLACE FUNCTION is_v4 AS (address) ->
    startsWith(hex(address), '00000000000000000000FFFF');
CREATE OR REPLACE FUNCTION addr_text AS (address) ->
    replaceRegexpOne(IPv6NumToString(toFixedString(address, 16)), '^::ffff:([0-9]+[.])', '\\\\1');
CREATE OR REPLACE FUNCTION mac_text AS (mac) ->
    lower(MACNumToString(mac));
";
