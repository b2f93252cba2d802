//! What an interrupted command leaves behind: nothing.

/// A signal drops nothing, so partial files would stay.
pub(crate) fn remove_partials_on_interrupt() {
    let handler = || {
        contexture_bulk::discard_partials();
        eprintln!("contexture: interrupted");
        std::process::exit(130);
    };
    // Where a handler is set already, the run goes on without ours.
    let _ = ctrlc::set_handler(handler);
}
