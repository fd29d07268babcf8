import CThread

/// Limits how deep equality, hashing and ordering may call themselves on one thread (N5).
///
/// Nested vectors, sequences and map values are walked by loops. What still recurses is what goes through a call that keeps no
/// state between elements: collections as keys of collections that are keys, and records and sorted collections, whose
/// `equals` and `hashCode` are theirs.
package enum Nesting {
    /// Levels. A debug build takes about 4 KB of stack for each, and the smallest stack of a thread that runs scripts has 512.
    static let limit: Int32 = 100

    /// Bytes of stack that must be left before Swift calls the script, which may call Swift again: what compiling a form of
    /// the greatest depth takes, and more.
    private static let reserve: Int64 = 400 << 10

    /// Throws when the script's code, called by Swift that was called by the script and so on, has used up the thread's stack.
    package static func checkStack() throws(Fault) {
        guard sluice_stack_left() < reserve else { return }
        throw .of(
            .stackOverflow, "macros, comparators or calls of eval are nested too deep",
            hint: "does a macro or comparator lead to itself again?")
    }

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
