//! Model packs: fetched, taken over, looked at and removed by an operator, and found by a stage.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use majlis_tests::{Ended, Folder, Majlis, binary, majlis, onnxruntime, root, testdata};
use serde_json::json;

/// The sum of the three bytes `abc`, which is all that the model of these tests has.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// What a server does with a connection after it has read the head of a request.
type Serve = fn(&mut TcpStream, range: bool);

fn whole(stream: &mut TcpStream, _: bool) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
}

/// One byte, and then nothing until the client goes; the rest for whoever asks for it.
fn halting(stream: &mut TcpStream, range: bool) {
    if range {
        let head =
            "HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\nContent-Range: bytes 1-2/3\r\nConnection: close";
        let _ = write!(stream, "{head}\r\n\r\nbc");
    } else {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\na");
        let _ = stream.read(&mut [0]);
    }
}

fn gone(stream: &mut TcpStream, _: bool) {
    let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

/// Its address, and the first line of each request.
fn server(serve: Serve) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = format!("http://{}", listener.local_addr().expect("it listens"));
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let Ok(copy) = stream.try_clone() else { continue };
            let head: Vec<String> =
                BufReader::new(copy).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let range = head.iter().any(|line| line.to_lowercase().starts_with("range:"));
            log.lock().expect("nobody panics with it").push(head.first().cloned().unwrap_or_default());
            serve(&mut stream, range);
        }
    });
    (address, seen)
}

/// A folder of models with the card of a pack that is published at this address.
fn shelf(address: &str) -> Folder {
    let folder = Folder::new();
    let card = format!(
        "name = 'small'\ntitle = 'a small pack'\nlicence = 'for research alone'\ncommercial = false\norigin = 'a test'\n\
         [[file]]\nname = 'd.onnx'\nrole = 'detector'\nurl = '{address}/d.onnx'\nsha256 = '{ABC}'\nsize = 3\n"
    );
    let _ = folder.write("small.toml", card);
    folder
}

fn models(folder: &Folder, arguments: &[&str]) -> Majlis {
    Majlis::without_plugins(["models"]).args(arguments).env("MAJLIS_MODELS", folder.path())
}

fn code(ended: &Ended) -> String {
    ended.json()["diagnostics"][0]["code"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_pack_is_listed_fetched_verified_and_removed() {
    let (address, seen) = server(whole);
    let folder = shelf(&address);
    let of_list = || {
        let list = models(&folder, &["list", "--json"]).run().with(0).json();
        assert_eq!(list["problems"], json!([]));
        let packs = list["packs"].as_array().expect("an array").clone();
        packs.into_iter().find(|pack| pack["name"] == "small").expect("its card lies there")
    };
    let absent = of_list();
    assert_eq!(
        (&absent["state"], &absent["commercial"], &absent["size"]),
        (&json!("absent"), &json!(false), &json!(3))
    );
    let text = models(&folder, &["list"]).run().with(0);
    assert!(text.stdout.contains("buffalo_l") && text.stdout.contains("small "), "{text:?}");

    let refused = models(&folder, &["pull", "small"]).run().with(6);
    assert!(refused.stderr.contains("for research alone") && refused.stderr.contains("M0201"), "{refused:?}");
    assert!(refused.stderr.contains("--accept-licence"), "{refused:?}");
    assert!(seen.lock().expect("nobody panics with it").is_empty(), "nothing was asked for");
    assert_eq!(folder.files(), [folder.file("small.toml")]);

    let pulled = models(&folder, &["pull", "small", "--accept-licence"]).run().with(0);
    assert_eq!(pulled.stdout, "");
    assert!(pulled.stderr.contains("for research alone") && pulled.stderr.contains("small is whole"), "{pulled:?}");
    assert_eq!(folder.read("small/d.onnx"), "abc");
    let again = models(&folder, &["pull", "small"]).run().with(0);
    assert!(again.stderr.contains("whole already"), "{again:?}");
    assert_eq!(seen.lock().expect("nobody panics with it").len(), 1);
    assert_eq!((&of_list()["state"], &of_list()["folder"]), (&json!("whole"), &json!(folder.file("small"))));

    let _ = models(&folder, &["verify"]).run().with(0);
    let _ = folder.write("small/d.onnx", "abd");
    let damaged = models(&folder, &["verify", "small", "--json"]).run().with(1).json();
    let file = &damaged["packs"][0]["files"][0];
    assert_eq!((&file["state"], &file["sha256"]), (&json!("damaged"), &json!(ABC)));
    assert_ne!(file["found"], json!(ABC));
    let text = models(&folder, &["verify"]).run().with(1);
    assert!(text.stdout.contains("damaged") && text.stderr.contains("majlis models pull small"), "{text:?}");
    let _ = models(&folder, &["pull", "small", "--accept-licence"]).run().with(0);
    assert_eq!(folder.read("small/d.onnx"), "abc");

    let removed = models(&folder, &["remove", "small"]).run().with(0);
    assert!(removed.stderr.contains("d.onnx"), "{removed:?}");
    assert_eq!(folder.files(), [folder.file("small.toml")]);
    let nothing = models(&folder, &["verify", "--json"]).run().with(0).json();
    assert_eq!(nothing, json!({ "packs": [] }));
}

#[test]
fn a_card_shows_all_that_it_says() {
    let folder = Folder::new();
    let shown = models(&folder, &["show", "buffalo_m", "--json"]).run().with(0).json();
    assert_eq!(shown["archive"]["size"], 275_951_529);
    assert_eq!((&shown["state"], &shown["folder"], &shown["card"]), (&json!("absent"), &json!(null), &json!(null)));
    assert_eq!(shown["files"].as_array().map(Vec::len), Some(5));
    assert_eq!(shown["files"][0]["role"], "detector");
    let text = models(&folder, &["show", "buffalo_m"]).run().with(0);
    for words in ["must NOT be used at a commercial exhibition", "det_2.5g.onnx", "v0.7/buffalo_m.zip", "threshold 0.4"]
    {
        assert!(text.stdout.contains(words), "{words}: {text:?}");
    }
    assert!(text.stderr.contains("majlis models pull buffalo_m"), "{text:?}");
    let import_only = models(&folder, &["show", "yunet_mobilefacenet"]).run().with(0);
    assert!(import_only.stderr.contains("majlis models import yunet_mobilefacenet"), "{import_only:?}");
}

#[test]
fn what_goes_wrong_has_a_code_and_an_exit_code() {
    let (address, _) = server(gone);
    let folder = shelf(&address);
    let unknown = models(&folder, &["show", "bufalo_l", "--json"]).run().with(2);
    assert_eq!(code(&unknown), "M0101");
    let unknown = models(&folder, &["pull", "smal"]).run().with(2);
    assert!(unknown.stderr.contains("did you mean `small`?"), "{unknown:?}");
    let missing = models(&folder, &["pull", "small", "--accept-licence"]).run().with(1);
    assert!(missing.stderr.contains("404 Not Found") && missing.stderr.contains("M0303"), "{missing:?}");
    assert_eq!(folder.files(), [folder.file("small.toml")]);
    let wrong = models(&folder, &["pull", "small", "--accept-licence", "--from", "nowhere"]).run().with(2);
    assert!(wrong.stderr.contains("M0302"), "{wrong:?}");
    let alone = models(&folder, &["pull", "yunet_mobilefacenet"]).run().with(1);
    assert!(alone.stderr.contains("M0301") && !alone.stderr.contains("licence"), "nobody is asked in vain: {alone:?}");
    let foreign = models(&folder, &["import", "small"]).arg(folder.write("x.onnx", "xyz")).run().with(1);
    assert!(foreign.stderr.contains("x.onnx") && foreign.stderr.contains("M0405"), "{foreign:?}");
    let _ = models(&folder, &["import", "small"]).run().with(2);
    let logged = models(&folder, &["pull", "small", "--accept-licence", "--log", "json"]).run().with(1);
    assert_eq!(logged.log().len(), logged.stderr.lines().count(), "{logged:?}");
    assert!(logged.log().iter().any(|line| line["code"] == "M0303"), "{logged:?}");
    for code in ["M0101", "M0304", "m0405"] {
        assert!(majlis(["explain", code]).run().with(0).stdout.contains(&code.to_uppercase()));
    }
}

#[test]
fn a_broken_card_is_a_warning_beside_the_others() {
    let folder = Folder::new();
    let _ = folder.write("broken.toml", "[[file]]\nnaem = 'x'\n");
    let list = models(&folder, &["list"]).run().with(0);
    assert!(list.stdout.contains("buffalo_l"), "{list:?}");
    assert!(list.stderr.contains("broken.toml") && list.stderr.contains("warning[M0102]"), "{list:?}");
}

#[test]
fn a_signal_stops_a_pull_which_keeps_what_has_come() {
    for (signal, exit) in [("INT", 130), ("TERM", 143)] {
        let (address, _) = server(halting);
        let folder = shelf(&address);
        let part = folder.file("small/.d.onnx.part");
        let running = models(&folder, &["pull", "small", "--accept-licence"]).start();
        // The byte is in the file: from here on a signal finds a pull under way.
        let begun = Instant::now();
        while std::fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing has come");
            std::thread::yield_now();
        }
        running.signal(signal);
        let ended = running.wait().with(exit);
        assert!(ended.stderr.contains("1 B are kept") && ended.stderr.contains("M0501"), "{ended:?}");
        let ended = models(&folder, &["pull", "small", "--accept-licence"]).run().with(0);
        assert!(ended.stderr.contains("are here already"), "{ended:?}");
        assert_eq!(folder.read("small/d.onnx"), "abc");
        assert_eq!(folder.files().len(), 2, "{:?}", folder.files());
    }
}

#[test]
fn a_proxy_is_asked_where_one_is_named() {
    let (proxy, seen) = server(whole);
    let folder = shelf("http://models.invalid");
    let pull =
        || models(&folder, &["pull", "small", "--accept-licence"]).env("HTTP_PROXY", &proxy).env("http_proxy", &proxy);
    let _ = pull().run().with(0);
    assert_eq!(*seen.lock().expect("nobody panics with it"), ["GET http://models.invalid/d.onnx HTTP/1.1"]);
}

#[test]
fn a_terminal_is_asked_whether_the_licence_is_accepted() {
    for (answer, exit) in [("y\n", 0), ("n\n", 6), ("\n", 6)] {
        let (address, _) = server(whole);
        let folder = shelf(&address);
        let command = format!("{} models pull small", binary().display());
        let terminal = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("MAJLIS_MODELS", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut terminal) = terminal else {
            assert!(
                std::env::var_os("MAJLIS_REQUIRE").is_none_or(|all| all != "all"),
                "`script` of util-linux is missing"
            );
            eprintln!("\n*** SKIPPED: the question for the licence\n*** `script` of util-linux is missing\n");
            return;
        };
        let mut stdin = terminal.stdin.take().expect("it is a pipe");
        stdin.write_all(answer.as_bytes()).expect("a terminal reads");
        let mut told = String::new();
        terminal.stdout.take().expect("it is a pipe").read_to_string(&mut told).expect("text");
        assert_eq!(terminal.wait().expect("a child can be waited for").code(), Some(exit), "{told}");
        assert!(told.contains("for research alone") && told.contains("[y/N]"), "{told}");
        assert_eq!(folder.file("small/d.onnx").is_file(), exit == 0);
    }
}

#[test]
fn a_stage_finds_the_pack_that_was_imported_and_says_how_to_fetch_one_that_is_not_there() {
    let Some(data) = testdata("a stage with an imported pack") else { return };
    let runtime = onnxruntime().expect("testdata asks for it");
    let folder = Folder::new();
    let pipeline = |pack: &str| {
        let text = format!(
            "[stage.camera]\nplugin = \"images\"\nconfig = {{ path = \"{}\" }}\n\
             [stage.faces]\nplugin = \"insightface\"\ninputs = {{ frame = \"camera.frame\" }}\nload = \"eager\"\n\
             config = {{ models = \"{pack}\", gallery = \"none\", runtime = \"{}\" }}\n",
            data.join("images/astronaut.png").display(),
            runtime.display()
        );
        folder.write(&format!("{pack}.toml"), text)
    };
    let missing = majlis(["run", "--report", "none"]).arg(pipeline("buffalo_s")).run().with(1);
    assert!(missing.stderr.contains("majlis models pull buffalo_s"), "{missing:?}");

    let home = Folder::new();
    let files =
        ["det_500m.onnx", "yunet_n_640.onnx", "mobilefacenet_128.onnx"].map(|name| data.join("models").join(name));
    let imported =
        Majlis::without_plugins(["models", "import", "testdata"]).args(&files).at_home(home.path()).run().with(0);
    assert!(!imported.stderr.contains("missing"), "{imported:?}");
    assert!(home.file("data/majlis/models/testdata/det_500m.onnx").is_file(), "{:?}", home.files());
    let _ = majlis(["run", "--report", "none"]).arg(pipeline("testdata")).at_home(home.path()).run().with(0);
}

#[test]
fn the_card_of_a_library_among_those_of_packs_is_not_complained_of() {
    let listed = Majlis::without_plugins(["models", "list"]).env("MAJLIS_MODELS", root().join("models")).run().with(0);
    assert!(listed.stderr.is_empty() && listed.stdout.contains("demo"), "{listed:?}");
}
