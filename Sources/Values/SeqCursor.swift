/// Walks the elements of a sequential value without allocating a cell per step.
///
/// Ends at nil or an empty list; throws `.force` at the part that is not realised yet.
public struct SeqCursor {
    private enum Position {
        case vector(Vector, index: Int)
        case chunk(Vector, index: Int, more: Value)
        case text(Text, offset: Int)
        case range(next: Int64, step: Int64, left: Int)
        /// A sequence that is yet to be looked at, or nil.
        case sequence(Value)
    }

    private var position: Position

    /// Starts at the first element of a vector, a text, a list, a sequence or nil; anything else counts as empty.
    public init(_ sequence: Value) {
        switch sequence {
        case .vector(let vector): position = .vector(vector, index: 0)
        case .shortText(let short): position = .text(short.text, offset: 0)
        case .longText(let text): position = .text(text, offset: 0)
        default: position = .sequence(sequence)
        }
    }

    /// The next element, or nil at the end.
    public mutating func next() throws(Fault) -> Value? {
        while true {
            switch position {
            case .vector(let vector, let index):
                guard index < vector.count else { return nil }
                position = .vector(vector, index: index + 1)
                return vector[index]
            case .chunk(let chunk, let index, let more):
                guard index < chunk.count else {
                    position = .sequence(more)
                    continue
                }
                position = .chunk(chunk, index: index + 1, more: more)
                return chunk[index]
            case .text(let text, let offset):
                guard offset < text.byteCount else { return nil }
                position = .text(text, offset: offset + Text.width(text.bytes[offset]))
                return .char(Text.decode(text.bytes + offset))
            case .range(let next, let step, let left):
                guard left > 0 else { return nil }
                if left % Attention.stride == 0 { try Attention.check() }
                position = .range(next: next &+ step, step: step, left: left - 1)
                return .int(next)
            case .sequence(.list(let cell)):
                guard !cell.isEmpty else { return nil }
                position = .sequence(cell.rest)
                return cell.first
            case .sequence(.lazy(let lazy)): position = .sequence(try lazy.seq())
            case .sequence(.seq(let view)): position = SeqCursor.start(view)
            case .sequence(.vector(let vector)): position = .vector(vector, index: 0)
            case .sequence: return nil
            }
        }
    }

    private static func start(_ view: SeqView) -> Position {
        switch view.source {
        case .vector(let vector, let index): .vector(vector, index: index)
        case .chunk(let chunk, let index, let more): .chunk(chunk, index: index, more: more)
        case .text(let text, let offset, _): .text(text, offset: offset)
        case .range(let start, let step, let count): .range(next: start, step: step, left: count)
        }
    }
}
