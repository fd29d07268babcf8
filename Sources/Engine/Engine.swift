//! Engine: effects and their meta come in; planned, limited, deduplicated, cancelled, timed and retried work goes out, and
//! every step of it as one ordered stream of events.
//!
//! In reading order:
//! - `Stream/`: `Identity` names things by where they stand, `Event` and `EventStream` tell what happened, `Redactor` keeps
//!   secrets out of it.
//! - `Effect/`: an effect as data, its meta, its type, its outcome, each with the one table of its keys or codes.
//! - `Plan/`: `EngineMachine`, a pure state machine. Inputs carry the time; `step(input)` answers with actions; nothing in
//!   it reads a clock, takes a lock or calls a handler.
//! - `Drive/`: `EngineDriver` holds the lock, the clock and the running handlers, and performs the machine's actions outside
//!   the lock.
//! - `Grant/`: what a run may touch.
//! - `Host/`: scopes, envelopes, hosts and controllers, the journal and the process registry as protocols (`Store` has
//!   implementations).
