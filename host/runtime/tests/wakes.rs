#[test]
fn builds() { let _ = majlis_plugin_api::Flow::Continue; }
