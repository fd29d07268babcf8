//! Runtime: fibers on threads.
//!
//! Comes in: functions of the language to run as fibers, and the declarations of workers. Goes out: their results, and
//! events. The parts, in reading order:
//!
//! - `Fibers/`: `Job` (a fiber with its scope and its completion; what `Machine/Channels/Parkable` says of waiting is how it
//!   parks and is resumed exactly once), `Scope` (structured cancellation), `Promise`, `FiberRuntime` (one instance's runtime,
//!   which ties the parts together).
//! - `Scheduling/`: the `Scheduler` protocol; `ThreadedScheduler` on threads with the real clock, `VirtualScheduler` on one
//!   thread with a seeded order and a clock that jumps.
//! - `Channels/`: the primitives over the machine's channels, and `alts!`.
//! - `Workers/`: command workers and tickers over channels.
//! - `Effects/`: performing an effect parks the fiber until its outcome.
//! - `Processes/`: the effects on long-running named work, and who executes it.
//!
//! The rule that everything rests on: whoever claims a waiter (one compare-and-set) owns its fiber until the fiber stands in
//! a run queue; nobody else touches it meanwhile.

import CThread
import Values
