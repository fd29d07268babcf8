//! Inspector: events come in; what a person may want to know of a run goes out. Pure: nothing here reads a file or a clock.
//!
//! `Trace/`, in reading order: `TraceLine` is the form of a trace, one event a line; `TraceReading` takes lines in and says
//! what is wrong with them; `EffectHistories` folds events into what became of each effect; `EffectStory` tells of one effect
//! in sentences, and `Timeline` of all in lines.
