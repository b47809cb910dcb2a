//! What comes out is what went in.

use majlis_identity::{Config, Identity, input, manifest__, output};
use majlis_plugin_api::{Any, Faces, Frame, FrameMut, Message, PixelFormat};
use majlis_testkit::Kit;
use serde_json::json;

#[test]
fn the_schema_is_that_of_the_type() {
    majlis_testkit::schema::check::<Config>("config.schema.json");
}

#[test]
fn the_output_is_of_the_type_of_the_input() {
    let manifest = majlis_testkit::manifest::check(manifest__::TEXT);
    assert_eq!((manifest.name.as_str(), manifest.inputs[0].packet_type.as_str()), ("identity", Any::TYPE));
    assert_eq!(manifest.outputs[0].packet_type, "same-as:packet");
}

#[test]
fn a_packet_is_passed_on_in_its_own_buffer() {
    let builder =
        Kit::<Identity>::builder().manifest(manifest__::TEXT).wire_as::<Frame, _>(input::packet, "camera.frame");
    let mut kit = builder.open(json!({})).expect("the stage opens");
    let visit = kit.open_visit().expect("no answer");
    let mut frame = FrameMut::new(kit.host(), 4, 4, PixelFormat::Gray8).expect("a frame");
    frame.pixels_mut().fill(7);
    let frame = frame.freeze().expect("a frame");
    kit.send_by(0, input::packet, visit, frame.clone()).expect("passed on");
    let (whose, passed) = kit.emitted_as::<Frame>(output::passed).remove(0);
    assert_eq!(whose, Some(visit));
    assert_eq!(passed.pixels().as_ptr(), frame.pixels().as_ptr(), "nothing was copied");
}

#[test]
fn what_it_does_not_know_goes_through_as_it_is() {
    let mut kit = Kit::<Identity>::open(json!({})).expect("the stage opens");
    let faces = Faces { frame: 42, ..Faces::default() };
    kit.send_by(0, input::packet, None, faces.clone()).expect("passed on");
    assert_eq!(kit.emitted_as::<Faces>(output::passed), [(None, faces)]);
}
