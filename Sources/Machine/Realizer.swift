import Values

/// The machine's own code that realises lazy sequences.
///
/// An operation that meets an unrealised sequence throws `Fault.force`; the loop pushes an activation of this code and then
/// runs the operation again. So a thunk may park its fiber, and no chain of sequences nests native calls. When an operation
/// keeps coming back, it is walking the sequence, and twice as many elements are realised ahead each time: a walk of n
/// elements costs O(n).
enum Realizer {
    // Registers: 0 the sequence, 1 its thunk and then the result.
    static func prototype() -> Prototype {
        let code = Code(
            [
                Instruction(.claim, 1, 0),
                Instruction(.call, 1, 0),
                Instruction(.publish, 0, 1, -3),
                Instruction(.resume),
            ], constants: [], parameters: 1, isVariadic: false, registers: 3)
        return Prototype(name: "lazy-seq", arities: [code], captureCount: 0, needsSelf: false)
    }

    /// The instruction that `claim` goes on with when the sequence is realised already.
    static let exit = 3

    /// The result of a thunk as `LazySeq.publish` wants it.
    static func normalize(_ result: Value) throws(Fault) -> Value { try Sequences.seq(result) }

    /// The next unrealised sequence after `seq` and its chunk.
    static func unrealized(after seq: Value) -> LazySeq? {
        var rest = seq
        while true {
            switch rest {
            case .list(let list): rest = list.rest
            case .seq(let view):
                guard case .chunk(_, _, let more) = view.source else { return nil }
                rest = more
            case .lazy(let lazy):
                guard lazy.isRealized, let next = try? lazy.seq() else { return lazy }
                rest = next
            default: return nil
            }
        }
    }
}
