/// The arithmetic of the language: Clojure's numeric tower over `Value`s.
///
/// The machine handles pairs of small integers and of doubles itself; everything else comes here.
public enum Numbers {}
