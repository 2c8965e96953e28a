//! The CSV file that an import writes. What it tells of settled records is on the disk before they are settled.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::run::ImportError;

/// See the module.
pub(super) struct Output {
    path: PathBuf,
    file: File,
    length: u64,
    delimiter: u8,
}

impl Output {
    /// Begins a new file, in place of one that is there.
    pub fn begin(path: &Path, delimiter: u8, header: &[&str]) -> Result<Self, ImportError> {
        let file = File::create(path).map_err(|error| ImportError::in_file(path, error))?;
        let mut output = Self {
            path: path.to_owned(),
            file,
            length: 0,
            delimiter,
        };
        output.append(&[header.iter().map(|name| (*name).to_owned()).collect()])?;
        Ok(output)
    }

    /// Goes on with the file of an interrupted run, of which `length` bytes tell of settled records.
    pub fn resume(path: &Path, delimiter: u8, length: u64) -> Result<Self, ImportError> {
        let missing = || ImportError::OutputLost(path.display().to_string());
        let in_file = |error| ImportError::in_file(path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|_| missing())?;
        if file.metadata().map_err(in_file)?.len() < length {
            return Err(missing());
        }
        file.set_len(length).map_err(in_file)?;
        file.seek(SeekFrom::Start(length)).map_err(in_file)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            length,
            delimiter,
        })
    }

    /// Adds lines and waits until they are on the disk.
    pub fn append(&mut self, lines: &[Vec<String>]) -> Result<(), ImportError> {
        let appended = self.write(lines);
        appended.map_err(|error| ImportError::in_file(&self.path, error))
    }

    fn write(&mut self, lines: &[Vec<String>]) -> io::Result<()> {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(self.delimiter)
            .from_writer(Vec::new());
        for line in lines {
            writer.write_record(line).map_err(io::Error::other)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written.
    pub fn length(&self) -> u64 {
        self.length
    }
}
