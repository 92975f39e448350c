//! Lines that consist of tags: `fmt:%ts %sa`, the predefined formats, and CSV.

use super::row_writer::RowWriter;
use super::tag::{self, FormatTag};
use crate::flow::field::Field;
use crate::query::element::PARTS;
use crate::query::question::Prefix;
use crate::query::{Aggregation, AnswerRow};
use crate::units::similar_words;

/// The longest text of `fmt:`, in bytes.
const MAX_FORMAT: usize = 4096;

/// A part of a line.
#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Tag(&'static FormatTag),
}

impl std::fmt::Debug for FormatTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}", self.name)
    }
}

/// The parts of a line of a listing.
#[derive(Clone, Debug)]
pub struct LineLayout {
    pieces: Vec<Piece>,
    /// Whether a predefined format in it asks for full IPv6 addresses (`%line6`).
    has_full6: bool,
}

/// The predefined formats, as in nfdump: name, tags, help.
pub const PREDEFINED: &[(&str, &str, &str)] = &[
    ("line", "%ts %td %pr %sap -> %dap %pkt %byt %fl", "a line for each flow; the default"),
    (
        "long",
        "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %fl",
        "with TCP flags and type of service",
    ),
    (
        "extended",
        "%ts %td %pr %sap -> %dap %flg %tos %pkt %byt %pps %bps %bpp %fl",
        "with TCP flags, type of service and rates",
    ),
    (
        "biline",
        "%ts %td %pr %sap <-> %dap %opkt %ipkt %obyt %ibyt %fl",
        "counters of both directions; the default with `-b`",
    ),
    (
        "bilong",
        "%ts %td %pr %sap <-> %dap %flg %tos %opkt %ipkt %obyt %ibyt %fl",
        "counters of both directions with TCP flags and type of service",
    ),
];

/// The columns of `-o csv`: those of nfdump 1.7.1 in its order, without those of data that is
/// not kept (`cl`, `sl`, `al`, `eng`, `exid`); `odid` and `fl` are added.
pub const CSV: &str = "tss,tes,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,\
smk,dmk,dtos,dir,nh,nhb,svln,dvln,ismc,odmc,idmc,osmc,mpls1,mpls2,mpls3,mpls4,mpls5,mpls6,mpls7,\
mpls8,mpls9,mpls10,ra,odid,tr,fl";

/// Why a format is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A tag that does not exist.
    #[error("expected a tag, found `%{found}`; {near}")]
    Unknown {
        /// The tag, without `%`.
        found: String,
        /// The tags that are similar.
        near: String,
    },
    /// A tag of nfdump for data that is not kept.
    #[error("`%{word}`: {why}")]
    Unanswered {
        /// The tag, without `%`.
        word: String,
        /// The reason, and what to use instead.
        why: &'static str,
    },
    /// A text after `csv:` that does not consist of tags.
    #[error("expected tags separated by commas, as in csv:%ts,%sa,%byt, found `{0}`")]
    NotCsv(String),
    /// No tag at all.
    #[error("expected at least one tag, as in fmt:%ts %sa %byt")]
    Nothing,
    /// A format that is too long; its length in bytes.
    #[error("expected at most {MAX_FORMAT} bytes of format, found {0}")]
    Long(usize),
}

/// The predefined format of a name with a trailing `6`, which asks for full IPv6 addresses.
fn full6(name: &str) -> Option<LineLayout> {
    name.strip_suffix('6').and_then(LineLayout::predefined)
}

impl LineLayout {
    /// Whether IPv6 addresses are to be written in full.
    #[must_use]
    pub fn has_full6(&self) -> bool {
        self.has_full6
    }

    /// A predefined format.
    #[must_use]
    pub fn predefined(name: &str) -> Option<LineLayout> {
        let (_, text, _) = PREDEFINED.iter().find(|(known, ..)| *known == name)?;
        LineLayout::parse(text).ok()
    }

    /// Parses the text after `fmt:`.
    ///
    /// # Errors
    /// Names a tag that does not exist, and similar ones.
    pub fn parse(text: &str) -> Result<LineLayout, LayoutError> {
        if text.len() > MAX_FORMAT {
            return Err(LayoutError::Long(text.len()));
        }
        let (mut pieces, mut has_full6) = (Vec::new(), false);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            literal(&mut pieces, before);
            let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            rest = after;
            if name.is_empty() && rest.starts_with('%') {
                literal(&mut pieces, "%");
                rest = &rest[1..];
            } else if name == "n" {
                literal(&mut pieces, "\n");
            } else if let Some(inner) = LineLayout::predefined(name) {
                pieces.extend(inner.pieces);
            } else if let Some(inner) = full6(name) {
                pieces.extend(inner.pieces);
                has_full6 = true;
            } else {
                pieces.push(Piece::Tag(find(name)?));
            }
        }
        literal(&mut pieces, rest);
        if !pieces.iter().any(|piece| matches!(piece, Piece::Tag(_))) {
            return Err(LayoutError::Nothing);
        }
        Ok(LineLayout { pieces, has_full6 })
    }

    /// Parses the text after `csv:`.
    ///
    /// # Errors
    /// Names a tag that does not exist, and similar ones.
    pub fn csv(text: &str) -> Result<LineLayout, LayoutError> {
        let mut pieces = Vec::new();
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            let name =
                word.strip_prefix('%').ok_or_else(|| LayoutError::NotCsv(word.to_owned()))?;
            pieces.push(Piece::Tag(find(name)?));
        }
        if pieces.is_empty() {
            return Err(LayoutError::Nothing);
        }
        Ok(LineLayout { pieces, has_full6: false })
    }

    /// The columns of `-o csv`.
    #[must_use]
    pub fn all_csv() -> LineLayout {
        let tags = CSV.split(',').filter_map(tag::named);
        LineLayout { pieces: tags.map(Piece::Tag).collect(), has_full6: false }
    }

    /// The default layout of groups: the fields that they are summed by.
    #[must_use]
    pub fn of_groups(by: &Aggregation) -> LineLayout {
        let network = |address| {
            by.parts
                .iter()
                .any(|part| part.field == address && part.prefix == Some(Prefix::Reported))
        };
        let names = by.parts.iter().filter_map(|part| match (part.prefix, part.field) {
            (Some(Prefix::Reported), Field::Src) => Some("sn"),
            (Some(Prefix::Reported), Field::Dst) => Some("dn"),
            // The prefix length is printed after the network.
            (_, Field::SrcMask) if network(Field::Src) => None,
            (_, Field::DstMask) if network(Field::Dst) => None,
            _ => PARTS.iter().find(|word| word.field == part.field).map(|word| word.tag),
        });
        let mut pieces = Vec::new();
        // Two blanks around the fields of the key, as in nfdump.
        for (names, between) in [
            (vec!["ts", "td"], " "),
            (names.collect(), "  "),
            (vec!["pkt", "byt", "bps", "bpp", "fl"], "  "),
        ] {
            for (index, tag) in names.into_iter().filter_map(tag::named).enumerate() {
                if !pieces.is_empty() {
                    literal(&mut pieces, if index == 0 { between } else { " " });
                }
                pieces.push(Piece::Tag(tag));
            }
        }
        LineLayout { pieces, has_full6: false }
    }

    /// Writes the heading of a listing, with its newline.
    pub fn heading(&self, writer: &mut RowWriter) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => {
                    for c in text.chars() {
                        writer.byte(if c == '\n' { b'\n' } else { b' ' });
                    }
                }
                Piece::Tag(tag) => tag.write_heading(writer),
            }
        }
        while writer.out.last() == Some(&b' ') {
            writer.out.pop();
        }
        writer.byte(b'\n');
    }

    /// Writes a row, with its newline.
    #[inline]
    pub fn row(&self, writer: &mut RowWriter, row: &AnswerRow) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => writer.text(text),
                Piece::Tag(tag) => tag.write(writer, row),
            }
        }
        writer.byte(b'\n');
    }

    /// Writes the names of the columns, with a newline.
    pub fn csv_heading(&self, writer: &mut RowWriter) {
        for (index, tag) in self.tags().enumerate() {
            if index > 0 {
                writer.byte(b',');
            }
            // Without milliseconds they have nfdump's names `ts` and `te`.
            writer.text(match tag.name {
                "tss" => "ts",
                "tes" => "te",
                name => name,
            });
        }
        writer.byte(b'\n');
    }

    /// Writes a row as CSV. Cells with text from outside are escaped by [`RowWriter::guarded`].
    #[inline]
    pub fn csv_row(&self, writer: &mut RowWriter, row: &AnswerRow) {
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                writer.byte(b',');
            }
            if let Piece::Tag(tag) = piece {
                (tag.cell)(writer, row);
            }
        }
        writer.byte(b'\n');
    }

    /// The tags of the line.
    pub fn tags(&self) -> impl Iterator<Item = &'static FormatTag> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Tag(tag) => Some(*tag),
            Piece::Text(_) => None,
        })
    }
}

fn find(name: &str) -> Result<&'static FormatTag, LayoutError> {
    if let Some(tag) = tag::named(name) {
        return Ok(tag);
    }
    match tag::UNANSWERED.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, why)) => Err(LayoutError::Unanswered { word: name.to_owned(), why }),
        None => {
            let near = similar_words::hint(name, tag::TAGS.iter().map(|tag| tag.name));
            Err(LayoutError::Unknown { found: name.to_owned(), near })
        }
    }
}

/// Appends a text, to the text before it if there is one.
fn literal(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}
