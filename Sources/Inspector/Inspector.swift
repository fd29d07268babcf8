//! Inspector: events come in; timelines and views of a running system go out.
