//! The file that is read, record by record, and where it can be gone on.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use csv::{ByteRecord, Position, StringRecord, Trim};
use sha2::{Digest, Sha256};

use super::run::ImportError;

/// No record is longer, in bytes: a quotation mark that is missing would make one of the rest of the file.
const RECORD_LIMIT: u64 = 1 << 20;
const HASHED_AT_ONCE: usize = 1 << 16;

/// SHA-256 of a file in hexadecimal, and its length in bytes.
pub(super) fn fingerprint(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut portion = vec![0; HASHED_AT_ONCE];
    let mut length = 0;
    loop {
        let read = file.read(&mut portion)?;
        if read == 0 {
            return Ok((hex::encode(hasher.finalize()), length));
        }
        hasher.update(&portion[..read]);
        length += read as u64;
    }
}

/// A record and where it begins.
pub(super) struct Line {
    /// From 1.
    pub number: u64,
    /// The fields in the order of the columns asked for; `None` when the record has another number of fields than the header,
    /// or is not UTF-8.
    pub fields: Option<StringRecord>,
}

/// A CSV file with a header, whose columns are asked for by name.
pub(super) struct Source {
    path: PathBuf,
    reader: csv::Reader<Bounded<File>>,
    since_record: Rc<Cell<u64>>,
    /// For each column asked for, its position in the file.
    columns: Vec<usize>,
    width: usize,
    /// Lines end in `\r\n`: the parser has not seen the `\n` when it tells where the next record begins.
    ends_in_crlf: bool,
    record: ByteRecord,
}

impl Source {
    /// Opens the file and finds `columns` in its header, whatever their order.
    pub fn open(path: &Path, delimiter: u8, columns: &[&'static str]) -> Result<Self, ImportError> {
        let in_file = |error| ImportError::in_file(path, error);
        let since_record = Rc::new(Cell::new(0));
        let file = Bounded {
            inner: File::open(path).map_err(in_file)?,
            since_record: since_record.clone(),
        };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .trim(Trim::All)
            .flexible(true)
            .from_reader(file);
        let header = reader
            .headers()
            .map_err(|error| unreadable(path, &error))?
            .clone();
        let missing: Vec<&str> = columns
            .iter()
            .copied()
            .filter(|column| !header.iter().any(|name| name == *column))
            .collect();
        if !missing.is_empty() {
            return Err(ImportError::Header {
                path: path.to_owned(),
                missing: missing.join(", "),
            });
        }
        let position_of = |column: &&str| header.iter().position(|name| name == *column);
        Ok(Self {
            path: path.to_owned(),
            columns: columns.iter().filter_map(position_of).collect(),
            ends_in_crlf: ends_in_crlf(path).map_err(in_file)?,
            width: header.len(),
            reader,
            since_record,
            record: ByteRecord::new(),
        })
    }

    /// Goes on at a byte and line where a record begins.
    pub fn resume(&mut self, byte: u64, line: u64) -> Result<(), ImportError> {
        let mut position = Position::new();
        position.set_byte(byte).set_line(line);
        self.reader
            .seek(position)
            .map_err(|error| unreadable(&self.path, &error))
    }

    /// The byte and the line where the next record begins.
    pub fn position(&self) -> (u64, u64) {
        let position = self.reader.position();
        (position.byte(), position.line())
    }

    /// The next record; `None` at the end of the file.
    pub fn next(&mut self) -> Result<Option<Line>, ImportError> {
        self.since_record.set(0);
        let is_there = self
            .reader
            .read_byte_record(&mut self.record)
            .map_err(|error| unreadable(&self.path, &error))?;
        if !is_there {
            return Ok(None);
        }
        let number = self.record.position().map_or(0, Position::line) + u64::from(self.ends_in_crlf);
        let is_whole = self.record.len() == self.width;
        let fields = is_whole
            .then(|| StringRecord::from_byte_record(self.record.clone()).ok())
            .flatten()
            .map(|record| self.columns.iter().map(|index| &record[*index]).collect());
        Ok(Some(Line { number, fields }))
    }
}

/// Whether the first line of a file ends as Windows ends lines.
fn ends_in_crlf(path: &Path) -> io::Result<bool> {
    let mut beginning = Vec::new();
    File::open(path)?
        .take(HASHED_AT_ONCE as u64)
        .read_to_end(&mut beginning)?;
    let end = beginning.iter().position(|byte| *byte == b'\n');
    Ok(end.is_some_and(|end| beginning[..end].ends_with(b"\r")))
}

fn unreadable(path: &Path, error: &csv::Error) -> ImportError {
    ImportError::Unreadable {
        path: path.to_owned(),
        problem: error.to_string(),
    }
}

/// A file of which no more than a record is read at a time.
struct Bounded<R> {
    inner: R,
    since_record: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_record.get() > RECORD_LIMIT {
            return Err(io::Error::other(
                "a record is longer than 1 MiB: a closing quotation mark may be missing",
            ));
        }
        let read = self.inner.read(buffer)?;
        self.since_record.set(self.since_record.get() + read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Bounded<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn file(text: &[u8]) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file
    }

    fn rest(source: &mut Source) -> Vec<(u64, Option<Vec<String>>)> {
        let mut lines = Vec::new();
        while let Some(line) = source.next().unwrap() {
            let fields = line
                .fields
                .map(|fields| fields.iter().map(str::to_owned).collect());
            lines.push((line.number, fields));
        }
        lines
    }

    #[test]
    fn columns_are_found_by_name_and_lines_are_numbered() {
        let unix: &[u8] =
            b"\xef\xbb\xbfsirets,domain,more\n1 2 , a.fr ,x\n\"3\n4\",b.fr,y\n5,c.fr\n\xff,d.fr,z\n";
        let mut windows = Vec::new();
        for byte in unix {
            if *byte == b'\n' {
                windows.push(b'\r');
            }
            windows.push(*byte);
        }
        for (text, in_field) in [(unix.to_vec(), "3\n4"), (windows, "3\r\n4")] {
            let file = file(&text);
            let mut source = Source::open(file.path(), b',', &["domain", "sirets"]).unwrap();
            let fields = |domain: &str, sirets: &str| Some(vec![domain.to_owned(), sirets.to_owned()]);
            assert_eq!(
                rest(&mut source),
                [
                    (2, fields("a.fr", "1 2")),
                    (3, fields("b.fr", in_field)),
                    (5, None),
                    (6, None)
                ]
            );
        }
    }

    #[test]
    fn a_file_is_gone_on_where_it_was_left() {
        let file = file(b"a;b\n1;2\n3;\"4\n4\"\n5;6\n");
        let mut source = Source::open(file.path(), b';', &["a", "b"]).unwrap();
        source.next().unwrap();
        source.next().unwrap();
        let (byte, line) = source.position();
        let whole = rest(&mut source);
        let mut again = Source::open(file.path(), b';', &["a", "b"]).unwrap();
        again.resume(byte, line).unwrap();
        assert_eq!(rest(&mut again), whole);
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].0, 5);
    }

    #[test]
    fn a_header_without_a_column_is_refused_by_its_name() {
        let file = file(b"domain\na.fr\n");
        let refusal = Source::open(file.path(), b',', &["domain", "sirets"])
            .err()
            .unwrap();
        assert!(refusal.to_string().contains("sirets"), "{refusal}");
    }

    #[test]
    fn a_missing_quotation_mark_does_not_take_the_rest_of_the_file_for_a_field() {
        let mut text = b"a,b\n1,\"2\n".to_vec();
        text.extend(b"3,4\n".repeat(1 << 20));
        let file = file(&text);
        let mut source = Source::open(file.path(), b',', &["a", "b"]).unwrap();
        let refusal = source.next().err().unwrap();
        assert!(refusal.to_string().contains("quotation mark"), "{refusal}");
    }
}
