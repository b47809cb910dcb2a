//! Fetching packs from servers, good and bad. After each of them the whole disk is looked at.

use std::fs;
use std::io::ErrorKind;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::fixture::{self, Machine, Onlooker, bytes, card, patience, single, zipped};
use crate::server::{Act, Server};
use majlis_models::{Error, Settings, Terms, pull};

const BODY: usize = 100_000;

/// That this server brings the file, in so many requests.
fn brings(requests: usize, act: impl Fn(&[u8], usize) -> Act + Send + Sync + 'static) -> Server {
    let body = bytes(1, BODY);
    let served = body.clone();
    let server = Server::new(move |_, number| act(&served, number));
    let machine = Machine::new();
    let pulled = machine.pull(&single(&body, &server.url("d.onnx"))).unwrap();
    assert_eq!(pulled.fetched, ["d.onnx"]);
    assert_eq!(machine.files(), ["cache/small/d.onnx"]);
    assert_eq!(fs::read(machine.path("cache/small/d.onnx")).unwrap(), body);
    assert_eq!(server.seen().len(), requests);
    server
}

/// That this server does not bring it, in so many requests, and that nothing at all is left.
fn refuses(requests: usize, act: impl Fn(&[u8], usize) -> Act + Send + Sync + 'static) -> Error {
    let body = bytes(1, BODY);
    let served = body.clone();
    let server = Server::new(move |_, number| act(&served, number));
    let machine = Machine::new();
    let error = machine.pull(&single(&body, &server.url("d.onnx?key=secret"))).unwrap_err();
    assert_eq!(machine.files(), ["cache"]);
    assert_eq!(server.seen().len(), requests, "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    error
}

#[test]
fn a_file_that_comes_whole_gets_its_name() {
    let server = brings(1, |body, _| Act::Serve(body.to_vec(), "v1"));
    let agent = server.seen()[0].headers["user-agent"].clone();
    assert!(agent.starts_with("majlis/"), "{agent}");
}

#[test]
fn a_connection_that_breaks_off_is_gone_on_with_from_there() {
    let server = brings(3, |body, number| match number {
        0 => Act::Cut(body.to_vec(), "v1", 30_000),
        1 => Act::Cut(body.to_vec(), "v1", 50_000),
        _ => Act::Serve(body.to_vec(), "v1"),
    });
    let seen = server.seen();
    assert_eq!((seen[0].range(), seen[1].range(), seen[2].range()), (None, Some(30_000), Some(80_000)));
    assert_eq!(seen[1].headers["if-range"], "\"v1\"");
}

#[test]
fn a_server_that_ignores_what_is_here_already_is_taken_from_the_beginning() {
    let server = brings(2, |body, number| match number {
        0 => Act::Cut(body.to_vec(), "v1", 30_000),
        _ => Act::deaf(body),
    });
    assert_eq!(server.seen()[1].range(), Some(30_000));
}

#[test]
fn a_server_that_has_another_version_by_now_is_taken_from_the_beginning() {
    brings(2, |body, number| match number {
        0 => Act::Cut(bytes(2, BODY), "old", 30_000),
        _ => Act::Serve(body.to_vec(), "new"),
    });
}

#[test]
fn a_piece_from_another_place_than_was_asked_for_is_not_taken() {
    let wrong = |body: &[u8]| {
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {BODY}\r\nContent-Range: bytes 0-{}/{BODY}\r\nConnection: close\r\n\r\n",
            BODY - 1
        );
        Act::Raw([head.as_bytes(), body].concat())
    };
    brings(3, move |body, number| match number {
        0 => Act::Cut(body.to_vec(), "v1", 30_000),
        1 => wrong(body),
        _ => Act::Serve(body.to_vec(), "v1"),
    });
}

#[test]
fn what_can_pass_is_tried_again() {
    for busy in [
        ("503 Service Unavailable", "Retry-After: 0\r\n"),
        ("429 Too Many Requests", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"),
        ("502 Bad Gateway", ""),
    ] {
        brings(3, move |body, number| match number {
            0 => Act::status(busy.0, busy.1),
            1 => Act::Cut(body.to_vec(), "v1", 0),
            _ => Act::Serve(body.to_vec(), "v1"),
        });
    }
}

#[test]
fn a_line_that_breaks_off_and_still_gets_on_is_worth_its_tries() {
    let body = bytes(1, 6 << 20);
    let served = body.clone();
    let server = Server::new(move |_, _| Act::Cut(served.clone(), "v1", 5 << 18));
    let machine = Machine::new();
    machine.pull(&single(&body, &server.url("d.onnx"))).unwrap();
    assert_eq!(server.seen().len(), 5, "one after the other, though three in a row would end it");
}

#[test]
fn what_does_not_pass_ends_after_its_tries() {
    let error = refuses(3, |_, _| Act::status("503 Service Unavailable", ""));
    assert_eq!(error.code(), "M0304");
    assert!(error.to_string().contains("in 3 tries: it answers 503"), "{error}");
}

#[test]
fn a_server_that_asks_for_a_longer_pause_than_anybody_waits_is_told_at_once() {
    let error = refuses(1, |_, _| Act::status("429 Too Many Requests", "Retry-After: 3600\r\n"));
    assert!(error.to_string().contains("3600 s"), "{error}");
}

#[test]
fn what_a_server_will_say_again_is_not_asked_again() {
    for (status, code) in [("404 Not Found", "M0303"), ("403 Forbidden", "M0303"), ("511 Login", "M0303")] {
        let error = refuses(1, move |_, _| Act::status(status, ""));
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(&status[..3]), "{error}");
    }
}

#[test]
fn wrong_bytes_of_the_right_length_are_not_kept() {
    let error = refuses(1, |_, _| Act::Serve(bytes(2, BODY), "v1"));
    assert!(matches!(error, Error::Bytes { .. }), "{error}");
    assert!(error.to_string().contains(&fixture::sum(&bytes(2, BODY))), "{error}");
}

#[test]
fn another_length_is_refused_before_the_first_byte() {
    for length in [BODY - 1, BODY + 1] {
        let error = refuses(1, move |body, _| Act::lie(body, length));
        assert!(matches!(error, Error::Length { .. }), "{error}");
        assert!(error.to_string().contains(&length.to_string()), "{error}");
    }
}

#[test]
fn a_length_that_is_promised_and_not_kept_is_a_broken_connection() {
    let body = bytes(1, BODY);
    let served = body[..70_000].to_vec();
    let server = Server::new(move |_, _| Act::lie(&served, BODY));
    let machine = Machine::new();
    let error = machine.pull(&single(&body, &server.url("d.onnx"))).unwrap_err();
    assert_eq!(error.code(), "M0304");
    assert!(error.to_string().contains("70.0 kB are kept"), "{error}");
    assert_eq!(machine.files(), ["cache/small/.d.onnx.part"]);
}

#[test]
fn a_body_without_a_length_that_does_not_end_fills_no_disk() {
    let endless = |_: &[u8], _| {
        let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        Act::Raw([&head[..], &bytes(3, 50 * BODY)].concat())
    };
    let error = refuses(1, endless);
    assert!(error.to_string().contains("more than 100000 bytes"), "{error}");
}

#[test]
fn redirections_are_followed_and_a_ring_of_them_is_left() {
    brings(2, |body, number| match number {
        0 => Act::status("302 Found", "Location: /elsewhere\r\n"),
        _ => Act::Serve(body.to_vec(), "v1"),
    });
    let error = refuses(11, |_, _| Act::status("302 Found", "Location: /d.onnx\r\n"));
    assert_eq!(error.code(), "M0305");
}

#[test]
fn nobody_there_is_told_after_its_tries() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let machine = Machine::new();
    let error = machine.pull(&single(b"x", &format!("http://{address}/d.onnx"))).unwrap_err();
    assert_eq!(error.code(), "M0304");
    assert_eq!(machine.files(), ["cache"]);
}

#[test]
fn an_address_that_is_none_is_told() {
    for url in ["ftp://host/d.onnx", "d.onnx", "file:///etc/passwd"] {
        let machine = Machine::new();
        assert_eq!(machine.pull(&single(b"x", url)).unwrap_err().code(), "M0302", "{url}");
        assert_eq!(machine.files(), ["cache"]);
    }
}

#[test]
fn silence_is_not_waited_for_and_what_has_come_is_kept() {
    let body = bytes(1, BODY);
    let served = body.clone();
    let server = Server::new(move |_, _| Act::Stall(served.clone(), "v1", 40_000));
    let machine = Machine::new();
    let impatient = Settings { stall: Duration::from_millis(50), tries: 1, ..patience() };
    let card = single(&body, &server.url("d.onnx"));
    let error =
        pull(Terms::of(&card).accept(), &machine.places, None, &impatient, &mut Onlooker::default()).unwrap_err();
    assert!(error.to_string().contains("nothing came"), "{error}");
    assert!(error.to_string().contains("40.0 kB are kept"), "{error}");
}

#[test]
fn a_pull_that_is_stopped_is_gone_on_with_by_the_next_one() {
    let body = bytes(1, BODY);
    let served = body.clone();
    // Without the stop the first pull would wait for its server.
    let server = Server::new(move |_, number| match number {
        0 => Act::Stall(served.clone(), "v1", 40_000),
        _ => Act::Serve(served.clone(), "v1"),
    });
    let machine = Machine::new();
    let card = single(&body, &server.url("d.onnx"));
    let started = Instant::now();
    let mut stopping = Onlooker { stop_at: Some(40_000), ..Onlooker::default() };
    let error = machine.watched(&card, &mut stopping).unwrap_err();
    assert!(started.elapsed() < patience().stall, "a stop waits for nobody");
    assert_eq!((error.code(), error.to_string().contains("40.0 kB are kept")), ("M0501", true), "{error}");
    assert_eq!(machine.files(), ["cache/small/.d.onnx.part", "cache/small/.d.onnx.part.tag"]);

    let mut onlooker = Onlooker::default();
    machine.watched(&card, &mut onlooker).unwrap();
    assert_eq!(onlooker.begun, [("d.onnx".to_owned(), 40_000)]);
    let asked = &server.seen()[1];
    assert_eq!((asked.range(), asked.headers["if-range"].as_str()), (Some(40_000), "\"v1\""));
    assert_eq!(machine.files(), ["cache/small/d.onnx"]);
    assert_eq!(fs::read(machine.path("cache/small/d.onnx")).unwrap(), body);
}

#[test]
fn what_was_kept_outlives_a_network_that_answers_in_the_servers_place() {
    let body = bytes(1, BODY);
    let served = body.clone();
    let server = Server::new(move |_, number| match number {
        0 => Act::deaf(b"<html>please log in</html>"),
        1 => Act::status("404 Not Found", ""),
        _ => Act::Serve(served.clone(), "v1"),
    });
    let machine = Machine::new();
    machine.write("cache/small/.d.onnx.part", &body[..30_000]);
    let card = single(&body, &server.url("d.onnx"));
    for code in ["M0401", "M0303"] {
        assert_eq!(machine.pull(&card).unwrap_err().code(), code);
        assert_eq!(fs::read(machine.path("cache/small/.d.onnx.part")).unwrap().len(), 30_000);
    }
    machine.pull(&card).unwrap();
    assert_eq!(server.seen()[2].range(), Some(30_000));
}

#[test]
fn what_was_kept_and_does_not_belong_to_the_file_is_begun_anew_once() {
    let body = bytes(1, BODY);
    let served = body.clone();
    let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
    let machine = Machine::new();
    // Of another version, and so long that it looks complete.
    for kept in [30_000, BODY, BODY + 10] {
        machine.write("cache/small/.d.onnx.part", &bytes(9, kept));
        machine.pull(&single(&body, &server.url("d.onnx"))).unwrap();
        assert_eq!(machine.files(), ["cache/small/d.onnx"]);
        assert_eq!(fs::read(machine.path("cache/small/d.onnx")).unwrap(), body);
        fs::remove_file(machine.path("cache/small/d.onnx")).unwrap();
    }
}

#[test]
fn a_server_that_breaks_off_and_gives_wrong_bytes_is_left_in_the_end() {
    let body = bytes(1, BODY);
    let server = Server::new(move |request, _| match request.range() {
        None => Act::Cut(bytes(2, BODY), "v1", 30_000),
        Some(_) => Act::Serve(bytes(2, BODY), "v1"),
    });
    let machine = Machine::new();
    let error = machine.pull(&single(&body, &server.url("d.onnx"))).unwrap_err();
    assert!(matches!(error, Error::Bytes { .. }), "{error}");
    assert_eq!((machine.files(), server.seen().len()), (vec!["cache".to_owned()], 4));
}

#[test]
fn a_pack_without_room_is_not_begun() {
    let server = Server::new(|_, _| Act::status("404 Not Found", ""));
    let machine = Machine::new();
    let archive = format!("archive = {{ url = '{}', size = 900 }}\n", server.url("small.zip"));
    let card = card(&[("d.onnx", &bytes(1, 600), None)], &archive);
    let narrow = Settings { room: |_| Ok(1_499), ..patience() };
    let mut onlooker = Onlooker::default();
    let error = pull(Terms::of(&card).accept(), &machine.places, None, &narrow, &mut onlooker).unwrap_err();
    assert_eq!((error.code(), server.seen().len()), ("M0402", 0));
    assert!(error.to_string().contains("1.5 kB"), "{error}");
    assert_eq!(machine.files(), ["cache"]);
    let enough = Settings { room: |_| Ok(1_500), ..patience() };
    let error = pull(Terms::of(&card).accept(), &machine.places, None, &enough, &mut onlooker).unwrap_err();
    assert_eq!(error.code(), "M0303");
}

#[test]
fn a_mirror_has_the_same_files_under_an_address_of_its_own() {
    let (first, second) = (bytes(1, 500), bytes(2, 600));
    let zip = zipped(&[("r.onnx", &second)]);
    let served = (first.clone(), zip);
    let server = Server::new(move |request, _| match request.path.as_str() {
        "/models/d.onnx" => Act::Serve(served.0.clone(), "v1"),
        "/models/small.zip" => Act::Serve(served.1.clone(), "v1"),
        _ => Act::status("404 Not Found", ""),
    });
    let archive = "archive = { url = 'https://nowhere.invalid/x/small.zip?raw=1' }\n";
    let card =
        card(&[("d.onnx", &first, Some("https://nowhere.invalid/d.onnx".into())), ("r.onnx", &second, None)], archive);
    let machine = Machine::new();
    let from = server.url("models/");
    let pulled =
        pull(Terms::of(&card).accept(), &machine.places, Some(&from), &patience(), &mut Onlooker::default()).unwrap();
    assert_eq!(pulled.fetched, ["d.onnx", "r.onnx"]);
    assert_eq!(machine.files(), ["cache/small/d.onnx", "cache/small/r.onnx"]);
}

#[test]
fn a_file_without_an_address_is_told_before_anything_is_fetched_and_may_be_there_already() {
    let (first, second) = (bytes(1, 500), bytes(2, 600));
    let served = first.clone();
    let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
    let card = card(&[("d.onnx", &first, Some(server.url("d.onnx"))), ("r.onnx", &second, None)], "");
    let machine = Machine::new();
    let error = machine.pull(&card).unwrap_err();
    assert_eq!((error.code(), server.seen().len()), ("M0301", 0));
    assert!(error.to_string().contains("r.onnx") && !error.to_string().contains("d.onnx"), "{error}");
    assert!(error.remedy().contains("majlis models import small"), "{}", error.remedy());
    assert_eq!(machine.files(), ["cache"]);
    // A pack is completed where it was begun.
    machine.write("data/small/r.onnx", &second);
    let pulled = machine.pull(&card).unwrap();
    assert_eq!((pulled.folder, pulled.fetched), (machine.path("data/small"), vec!["d.onnx".to_owned()]));
}

#[test]
fn only_what_is_missing_or_wrong_is_fetched() {
    let (first, second) = (bytes(1, 500), bytes(2, 600));
    let served = second.clone();
    let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
    let card =
        card(&[("d.onnx", &first, Some(server.url("d.onnx"))), ("r.onnx", &second, Some(server.url("r.onnx")))], "");
    let machine = Machine::new();
    machine.write("cache/small/d.onnx", &first);
    machine.write("cache/small/r.onnx", &bytes(3, 600));
    assert_eq!(machine.pull(&card).unwrap().fetched, ["r.onnx"]);
    assert_eq!(fs::read(machine.path("cache/small/r.onnx")).unwrap(), second);
    assert!(machine.pull(&card).unwrap().fetched.is_empty());
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_pack_of_the_installation_is_used_and_never_written_to() {
    let body = bytes(1, 500);
    let served = body.clone();
    let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
    let card = single(&body, &server.url("d.onnx"));
    let machine = Machine::new();
    machine.write("share/small/d.onnx", &body);
    assert_eq!(machine.pull(&card).unwrap().folder, machine.path("share/small"));
    machine.write("share/small/d.onnx", b"damaged");
    assert_eq!(machine.pull(&card).unwrap().folder, machine.path("cache/small"));
    assert_eq!(fs::read(machine.path("share/small/d.onnx")).unwrap(), b"damaged");
}

#[test]
fn the_first_folder_that_the_operator_names_gets_what_is_new() {
    let body = bytes(1, 500);
    let served = body.clone();
    let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
    let mut machine = Machine::new();
    machine.places.named = vec![machine.path("ours"), machine.path("theirs")];
    machine.pull(&single(&body, &server.url("d.onnx"))).unwrap();
    assert_eq!(machine.files(), ["ours/small/d.onnx"]);
}

#[test]
fn two_pulls_at_once_bring_one_pack() {
    let body = bytes(1, 2_000_000);
    let served = body.clone();
    // Whoever comes first is served when both are there; the other one finds the folder taken.
    let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
    let card = Arc::new(single(&body, &server.url("d.onnx")));
    let machine = Machine::new();
    let both = Arc::new(Barrier::new(2));
    let pulls: Vec<_> = (0..2)
        .map(|_| {
            let (card, places, both) = (Arc::clone(&card), machine.places.clone(), Arc::clone(&both));
            std::thread::spawn(move || {
                both.wait();
                pull(Terms::of(&card).accept(), &places, None, &patience(), &mut Onlooker::default()).unwrap()
            })
        })
        .collect();
    let fetched: Vec<String> = pulls.into_iter().flat_map(|pull| pull.join().unwrap().fetched).collect();
    assert_eq!(fetched, ["d.onnx"]);
    assert_eq!((server.seen().len(), machine.files()), (1, vec!["cache/small/d.onnx".to_owned()]));
}

#[test]
fn a_folder_that_is_taken_is_waited_for_and_the_wait_can_be_stopped() {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("cache/small")).unwrap();
    let taken = fs::File::open(machine.path("cache/small")).unwrap();
    taken.lock().unwrap();
    let mut stopping = Onlooker { stop_at: Some(0), ..Onlooker::default() };
    let error = machine.watched(&single(b"x", "http://nowhere.invalid/"), &mut stopping).unwrap_err();
    assert_eq!(error.code(), "M0501");
}

#[test]
fn a_draft_that_a_killed_process_left_is_swept_away() {
    let body = bytes(1, 500);
    let served = body.clone();
    let server = Server::new(move |_, _| Act::Serve(served.clone(), "v1"));
    let machine = Machine::new();
    machine.write("cache/small/.4711-0.draft", b"half");
    machine.pull(&single(&body, &server.url("d.onnx"))).unwrap();
    assert_eq!(machine.files(), ["cache/small/d.onnx"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let machine = Machine::new();
    machine.write("cache", b"a file where a folder should be");
    let error = machine.pull(&single(b"x", "http://nowhere.invalid/")).unwrap_err();
    assert_eq!(error.code(), "M0403");
    assert!(error.to_string().contains("cache/small"), "{error}");
    assert_eq!(fs::read_dir(machine.path("cache/small")).unwrap_err().kind(), ErrorKind::NotADirectory);
}
