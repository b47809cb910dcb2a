//! Server-sent events, as they come: bytes in any pieces in, events out.
//!
//! Of our own, because it is some fifty lines and because nothing is kept of an event that never ends: the libraries for it
//! have no such bound.

use std::collections::VecDeque;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its kind; empty where the server gives none.
    pub event: String,
    /// Its data; several lines are joined by `\n`.
    pub data: String,
}

/// More than an event may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads a stream of events.
pub(crate) struct Parser {
    /// The line that is not whole yet.
    line: Vec<u8>,
    event: String,
    data: Option<String>,
    /// The last byte was a `\r`: a `\n` that follows belongs to it.
    after_return: bool,
    first_line: bool,
    most: usize,
}

impl Parser {
    /// One for events of at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { line: Vec::new(), event: String::new(), data: None, after_return: false, first_line: true, most }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8], events: &mut VecDeque<ServerEvent>) -> Result<(), TooLong> {
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => self.end_line(events),
                _ => {
                    if self.line.len() + self.data.as_ref().map_or(0, String::len) >= self.most {
                        return Err(TooLong);
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    /// The stream ended well: an event of whole lines counts, though the empty line behind it is missing.
    pub(crate) fn finish(&mut self, events: &mut VecDeque<ServerEvent>) {
        self.dispatch(events);
    }

    fn end_line(&mut self, events: &mut VecDeque<ServerEvent>) {
        let line = std::mem::take(&mut self.line);
        let mut line = String::from_utf8_lossy(&line);
        if std::mem::take(&mut self.first_line)
            && let Some(rest) = line.strip_prefix('\u{feff}')
        {
            line = rest.to_owned().into();
        }
        if line.is_empty() {
            return self.dispatch(events);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "event" => value.clone_into(&mut self.event),
            // A comment, an id, a time to wait: of no use to one question.
            _ => {}
        }
    }

    fn dispatch(&mut self, events: &mut VecDeque<ServerEvent>) {
        let event = std::mem::take(&mut self.event);
        if let Some(data) = self.data.take() {
            events.push_back(ServerEvent { event, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut parser = Parser::new(100);
        let mut events = VecDeque::new();
        for piece in pieces {
            parser.push(piece, &mut events).expect("they are short");
        }
        parser.finish(&mut events);
        events.into_iter().map(|event| (event.event, event.data)).collect()
    }

    #[test]
    fn events_are_the_same_in_whichever_pieces_they_come() {
        let stream = "\u{feff}: hello\r\ndata: {\"a\":\"مرحبا\"}\r\n\r\nevent: done\rdata:x\rdata:  y\r\rid: 7\nretry: 3\n\ndata\n\ndata: last\n";
        let whole = read(&[stream.as_bytes()]);
        let expected = [("", "{\"a\":\"مرحبا\"}"), ("done", "x\n y"), ("", ""), ("", "last")];
        assert_eq!(whole, expected.map(|(event, data)| (event.to_owned(), data.to_owned())));
        for size in 1..7 {
            let pieces: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
            assert_eq!(read(&pieces), whole, "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_that_breaks_off_is_no_event() {
        assert_eq!(read(&[b"data: whole\n\ndata: bro"]), [(String::new(), "whole".to_owned())]);
    }

    #[test]
    fn an_event_without_end_is_not_kept() {
        let mut parser = Parser::new(100);
        let mut events = VecDeque::new();
        assert_eq!(parser.push(&[b'x'; 101], &mut events), Err(TooLong));
        let mut parser = Parser::new(100);
        let lines = b"data: 0123456789\n".repeat(20);
        assert_eq!(parser.push(&lines, &mut events), Err(TooLong));
        assert!(events.is_empty());
    }
}
