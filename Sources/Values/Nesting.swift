import CThread

/// Limits how deep equality, hashing and ordering may call themselves on one thread (N5).
///
/// Nested vectors, sequences and map values are walked by loops. What still recurses is what goes through a call that keeps no
/// state between elements: collections as keys of collections that are keys, and records and sorted collections, whose
/// `equals` and `hashCode` are theirs.
enum Nesting {
    /// Levels. A debug build takes about 4 KB of stack for each, and the smallest stack of a thread that runs scripts has 512.
    static let limit: Int32 = 100

    @inline(__always) static func enter() throws(Fault) {
        let thread = sluice_thread()!
        guard thread.pointee.nesting < limit else { throw tooDeep() }
        thread.pointee.nesting += 1
    }

    @inline(__always) static func leave() {
        sluice_thread().pointee.nesting -= 1
    }

    @inline(never) private static func tooDeep() -> Fault {
        .of(
            .stackOverflow, "this collection has keys or records nested more than \(limit) levels deep",
            hint: "compare or look up a flatter value, for instance an id instead of the whole structure")
    }
}
