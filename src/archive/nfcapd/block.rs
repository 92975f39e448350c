//! Blocks of nfdump files: their headers, and their compressed content.

use std::io::Read;

use super::lzo;
use super::record::Body;

/// The size of a block header in bytes: number of records, size, type, flags.
pub(super) const BLOCK_HEADER: usize = 12;

/// The largest size of a block in bytes, compressed and decompressed. The buffers of nfdump
/// have 10 MB in all its versions; a foreign file must not use more memory.
pub(super) const MAX_BLOCK: usize = 16 << 20;

/// The type of a block whose records each have a type and a length.
const RECORDS: u16 = 3;

/// The flag of a block that is not compressed, although the file is.
const UNCOMPRESSED: u16 = 1;

/// The compression of a file's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Lzo,
    Bzip2,
    Lz4,
    Zstd,
}

impl Compression {
    /// The compression with this number in the file header.
    pub(super) fn numbered(number: u8) -> Option<Compression> {
        let all = [Self::None, Self::Lzo, Self::Bzip2, Self::Lz4, Self::Zstd];
        all.get(usize::from(number)).copied()
    }

    fn name(self) -> &'static str {
        match self {
            Compression::None => "uncompressed",
            Compression::Lzo => "LZO",
            Compression::Bzip2 => "bzip2",
            Compression::Lz4 => "LZ4",
            Compression::Zstd => "zstd",
        }
    }
}

/// The content of a block header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub records: u32,
    pub size: usize,
    kind: u16,
    flags: u16,
}

impl BlockHeader {
    pub(super) fn read(bytes: &[u8; BLOCK_HEADER]) -> BlockHeader {
        let body = Body(bytes);
        let size = usize::try_from(body.u32(4)).unwrap_or(usize::MAX);
        BlockHeader { records: body.u32(0), size, kind: body.u16(8), flags: body.u16(10) }
    }

    /// Whether the block has records with type and length; other blocks are skipped.
    pub(super) fn has_records(self) -> bool {
        self.kind == RECORDS
    }

    pub(super) fn compression(self, of_file: Compression) -> Compression {
        if self.flags & UNCOMPRESSED != 0 { Compression::None } else { of_file }
    }
}

/// Decompresses a block into `out`, whose previous content is replaced.
///
/// # Errors
/// A message that says what is wrong.
pub(super) fn decompress(
    compression: Compression,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let wrong = |why: &dyn std::fmt::Display| {
        format!("it cannot be decompressed as {}: {why}", compression.name())
    };
    out.clear();
    match compression {
        Compression::None => out.extend_from_slice(bytes),
        Compression::Lzo => lzo::decompress(bytes, out, MAX_BLOCK)
            .map_err(|error| wrong(&format_args!("{error:?}")))?,
        Compression::Bzip2 => {
            read_all(bzip2::read::BzDecoder::new(bytes), out).map_err(|error| wrong(&error))?;
        }
        Compression::Lz4 => lz4(bytes, out).map_err(|error| wrong(&error))?,
        Compression::Zstd => {
            let decoder = zstd::Decoder::with_buffer(bytes).map_err(|error| wrong(&error))?;
            read_all(decoder, out).map_err(|error| wrong(&error))?;
        }
    }
    Ok(())
}

/// An LZ4 block does not give its decompressed length, so the buffer grows up to the limit.
fn lz4(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), lz4_flex::block::DecompressError> {
    /// The size of nfcapd's usual blocks: enough for nearly every block.
    const USUAL: usize = 2 << 20;
    let mut room = USUAL;
    loop {
        out.resize(room, 0);
        match lz4_flex::block::decompress_into(bytes, out) {
            Err(lz4_flex::block::DecompressError::OutputTooSmall { .. }) if room < MAX_BLOCK => {
                room = MAX_BLOCK;
            }
            Err(error) => return Err(error),
            Ok(length) => {
                out.truncate(length);
                return Ok(());
            }
        }
    }
}

/// Reads to the end, at most [`MAX_BLOCK`] bytes.
fn read_all(decoder: impl Read, out: &mut Vec<u8>) -> std::io::Result<()> {
    decoder.take(MAX_BLOCK as u64 + 1).read_to_end(out)?;
    if out.len() > MAX_BLOCK {
        return Err(std::io::Error::other("it decompresses to more than any block of nfdump"));
    }
    Ok(())
}
