//! Reads the head of an ONNX file: enough to know how its makers meant the input to be normalised.
//!
//! No runtime tells the nodes of a graph once it is loaded, and one fact is needed from them. So this walks the protobuf
//! envelope by hand and skips everything else; a model of 174 MB costs a few reads.

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

/// How many nodes [`Normalisation::of`] looks at, as InsightFace does.
pub const HEAD: usize = 8;

/// A node of a graph: its name, which exporters derive from its operator and may leave out, and its operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// For example `Conv_0`.
    pub name: String,
    /// For example `Conv`.
    pub operator: String,
}

/// How a recogniser wants its pixels: `(value - mean) / deviation`, values from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Subtracted first.
    pub mean: f32,
    /// Divided by then.
    pub deviation: f32,
}

impl Normalisation {
    /// What a graph that does not normalise by itself takes: -1 to 1.
    pub const SIGNED_UNIT: Self = Self { mean: 127.5, deviation: 127.5 };
    /// What a graph that normalises by itself takes: pixels as they are.
    pub const PIXELS: Self = Self { mean: 0.0, deviation: 1.0 };

    /// InsightFace's rule: a graph that has a subtraction and a multiplication among its first nodes normalises by itself.
    ///
    /// The rule looks at names, not at operators, and has to: a graph whose names are of another style gets -1 to 1 from
    /// InsightFace whatever its operators are, and its embeddings must stay comparable. Only nodes without a name go by operator.
    #[must_use]
    pub fn of(nodes: &[Node]) -> Self {
        let has = |prefixes: [&str; 2], operator: &str| {
            nodes.iter().take(HEAD).any(|node| match node.name.as_str() {
                "" => node.operator == operator,
                name => prefixes.iter().any(|prefix| name.starts_with(prefix)),
            })
        };
        if has(["Sub", "_minus"], "Sub") && has(["Mul", "_mul"], "Mul") { Self::PIXELS } else { Self::SIGNED_UNIT }
    }

    /// The normalised value of a pixel.
    #[must_use]
    pub fn apply(&self, value: u8) -> f32 {
        (f32::from(value) - self.mean) / self.deviation
    }
}

/// The first [`HEAD`] nodes of the ONNX file that `file` reads, or all when there are fewer.
///
/// # Errors
/// When reading fails, or what is read is not protobuf, or holds no graph.
pub fn first_nodes(file: &mut (impl Read + Seek)) -> io::Result<Vec<Node>> {
    const GRAPH: u64 = 7;
    const NODE: u64 = 1;
    let end = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let Some(graph) = find(file, end, GRAPH)? else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no ONNX graph"));
    };
    let mut nodes = Vec::new();
    while nodes.len() < HEAD {
        let Some(end_of_node) = find(file, graph, NODE)? else {
            break;
        };
        nodes.push(node(file, end_of_node)?);
    }
    Ok(nodes)
}

fn node(file: &mut (impl Read + Seek), end: u64) -> io::Result<Node> {
    const NAME: u64 = 3;
    const OPERATOR: u64 = 4;
    let mut node = Node::default();
    while let Some(field) = field(file, end)? {
        match field.number {
            NAME => node.name = text(file, field.end)?,
            OPERATOR => node.operator = text(file, field.end)?,
            _ => {}
        }
        file.seek(SeekFrom::Start(field.end))?;
    }
    Ok(node)
}

/// A protobuf field whose content begins where the file stands.
struct Field {
    number: u64,
    end: u64,
}

/// Goes to the content of the next field `number` before `end`; the answer is where that content ends.
fn find(file: &mut (impl Read + Seek), end: u64, number: u64) -> io::Result<Option<u64>> {
    while let Some(field) = field(file, end)? {
        if field.number == number {
            return Ok(Some(field.end));
        }
        file.seek(SeekFrom::Start(field.end))?;
    }
    Ok(None)
}

fn field(file: &mut (impl Read + Seek), end: u64) -> io::Result<Option<Field>> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "it is not an ONNX file, or it is cut off");
    if file.stream_position()? >= end {
        return Ok(None);
    }
    let key = varint(file)?;
    let length = match key & 7 {
        0 => {
            varint(file)?;
            0
        }
        1 => 8,
        2 => varint(file)?,
        5 => 4,
        _ => return Err(broken()),
    };
    match file.stream_position()?.checked_add(length) {
        Some(stop) if stop <= end => Ok(Some(Field { number: key >> 3, end: stop })),
        _ => Err(broken()),
    }
}

fn varint(file: &mut impl Read) -> io::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(value);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "it holds a number that is too long"))
}

fn text(file: &mut (impl Read + Seek), end: u64) -> io::Result<String> {
    let length = end - file.stream_position()?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = content.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(content);
        out
    }

    fn named(name: &str, operator: &str) -> Vec<u8> {
        let parts = [bytes(1, b"input"), bytes(3, name.as_bytes()), bytes(4, operator.as_bytes()), bytes(5, &[0; 300])];
        bytes(1, &parts.concat())
    }

    fn model(nodes: &[Vec<u8>]) -> Cursor<Vec<u8>> {
        let mut file = vec![1 << 3, 8];
        file.extend(bytes(2, b"exporter"));
        file.extend(bytes(7, &nodes.concat()));
        file.extend(bytes(8, b"opset"));
        Cursor::new(file)
    }

    #[test]
    fn names_and_operators_of_the_first_eight_nodes_are_read() {
        let nodes: Vec<_> = (0..10).map(|i| named(&format!("Conv_{i}"), "Conv")).collect();
        let read = first_nodes(&mut model(&nodes)).unwrap();
        assert_eq!(read.len(), HEAD);
        assert_eq!(read[7], Node { name: "Conv_7".into(), operator: "Conv".into() });
    }

    #[test]
    fn a_file_that_is_cut_off_or_no_model_is_an_error() {
        let whole = model(&[named("Conv_0", "Conv")]).into_inner();
        assert!(first_nodes(&mut Cursor::new(&whole[..whole.len() / 2])).is_err());
        assert!(first_nodes(&mut Cursor::new(b"<html>not found</html>")).is_err());
        assert!(first_nodes(&mut Cursor::new(b"")).is_err());
    }

    fn nodes(names: &[(&str, &str)]) -> Vec<Node> {
        names.iter().map(|(name, operator)| Node { name: (*name).into(), operator: (*operator).into() }).collect()
    }

    #[test]
    fn a_graph_that_normalises_by_itself_takes_pixels() {
        assert_eq!(
            Normalisation::of(&nodes(&[("_minusscalar0", "Sub"), ("_mulscalar0", "Mul")])),
            Normalisation::PIXELS
        );
        assert_eq!(Normalisation::of(&nodes(&[("Sub_1", "Sub"), ("Mul_3", "Mul")])), Normalisation::PIXELS);
        assert_eq!(Normalisation::of(&nodes(&[("", "Sub"), ("", "Mul")])), Normalisation::PIXELS);
    }

    #[test]
    fn other_graphs_take_values_from_minus_one_to_one() {
        let scaled = nodes(&[("input_scale", "Mul"), ("input_shift", "Add")]);
        let late: Vec<_> = (0..8).map(|_| ("Conv", "Conv")).chain([("Sub", "Sub"), ("Mul", "Mul")]).collect();
        let half = nodes(&[("Sub_1", "Sub")]);
        let other_style = nodes(&[("/Sub", "Sub"), ("/Mul", "Mul")]);
        for graph in [scaled, nodes(&late), half, other_style, Vec::new()] {
            assert_eq!(Normalisation::of(&graph), Normalisation::SIGNED_UNIT);
        }
        assert_eq!(Normalisation::SIGNED_UNIT.apply(0), -1.0);
        assert_eq!(Normalisation::SIGNED_UNIT.apply(255), 1.0);
    }
}
