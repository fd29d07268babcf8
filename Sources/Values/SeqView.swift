/// A sequence over something that holds its elements already or can count them: a vector, a text, a range of integers, or
/// a chunk followed by more.
public final class SeqView: @unchecked Sendable {
    // Sendable: immutable once shared; `advance` is for who holds the only reference.
    public enum Source {
        /// From `index` on; `index` is less than the count.
        case vector(Vector, index: Int)
        /// From byte `offset` on, `index` code points in.
        case text(Text, offset: Int, index: Int)
        /// `start`, `start + step`, … (`count` > 0 of them).
        case range(start: Int64, step: Int64, count: Int)
        /// The elements of a chunk from `index` on, then `more`: nil, or a sequence that may be lazy.
        case chunk(Vector, index: Int, more: Value)
    }

    @exclusivity(unchecked) public private(set) var source: Source
    public let meta: HashMap?

    public init(_ source: Source, meta: HashMap? = nil) {
        self.source = source
        self.meta = meta
        Meter.charge(80)
    }

    deinit {
        Meter.credit(80)
        guard case .chunk(let chunk, let index, var more) = source else { return }
        source = .chunk(chunk, index: index, more: .nil)
        Release.field(&more)
    }

    public var first: Value {
        switch source {
        case .vector(let vector, let index): vector[index]
        case .text(let text, let offset, _): .char(Text.decode(text.bytes + offset))
        case .range(let start, _, _): .int(start)
        case .chunk(let chunk, let index, _): chunk[index]
        }
    }

    /// What follows the first element: nil, or a sequence that may be lazy (and empty) after the end of a chunk.
    public var rest: Value {
        switch source {
        case .vector(let vector, let index):
            return index + 1 < vector.count ? .seq(SeqView(.vector(vector, index: index + 1))) : .nil
        case .text(let text, let offset, let index):
            guard index + 1 < text.count else { return .nil }
            return .seq(SeqView(.text(text, offset: offset + Text.width(text.bytes[offset]), index: index + 1)))
        case .range(let start, let step, let count):
            return count > 1 ? .seq(SeqView(.range(start: start &+ step, step: step, count: count - 1))) : .nil
        case .chunk(let chunk, let index, let more):
            return index + 1 < chunk.count ? .seq(SeqView(.chunk(chunk, index: index + 1, more: more))) : more
        }
    }

    /// Goes on to the next element where it stands, for who holds the only reference and is done with this one: a walk then
    /// makes one view, and not one for each element. False when the next element, if any, is elsewhere.
    package func advance() -> Bool {
        guard meta == nil else { return false }
        switch source {
        case .vector(let vector, let index):
            guard index + 1 < vector.count else { return false }
            source = .vector(vector, index: index + 1)
        case .range(let start, let step, let count):
            guard count > 1 else { return false }
            source = .range(start: start &+ step, step: step, count: count - 1)
        case .chunk(let chunk, let index, let more):
            guard index + 1 < chunk.count else { return false }
            source = .chunk(chunk, index: index + 1, more: more)
        case .text: return false
        }
        return true
    }

    /// How many elements are left, when that is known without realising anything.
    public var knownCount: Int? {
        switch source {
        case .vector(let vector, let index): vector.count - index
        case .text(let text, _, let index): text.count - index
        case .range(_, _, let count): count
        case .chunk: nil
        }
    }
}
