/// A text that forms are read from.
public final class Source: Sendable {
    /// The path as the user gave it, or a name such as `<eval>`.
    public let name: String
    private let content: Content
    /// The line that the bytes begin on, from 1: more for a piece of a file.
    public let firstLine: Int
    /// Part of the built-in library: errors are shown where the script called it.
    public let isLibrary: Bool
    /// Where lines start, once somebody has asked for a position: `lock` guards it.
    private let lock = SpinLock()
    nonisolated(unsafe) private var starts: [UInt32] = []

    public init(name: String, bytes: [UInt8], firstLine: Int = 1, isLibrary: Bool = false) {
        self.name = name
        content = .bytes(bytes)
        self.firstLine = firstLine
        self.isLibrary = isLibrary
    }

    /// The text of a script, which is not copied.
    package init(name: String, text: Text) {
        self.name = name
        content = .text(text)
        firstLine = 1
        isLibrary = false
    }

    private enum Content {
        case bytes([UInt8])
        case text(Text)
    }

    /// For a source that is a text, a copy of it.
    public var bytes: [UInt8] {
        switch content {
        case .bytes(let bytes): bytes
        case .text(let text): Array(text.buffer)
        }
    }

    package var byteCount: Int {
        switch content {
        case .bytes(let bytes): bytes.count
        case .text(let text): text.byteCount
        }
    }

    /// The bytes where they stand.
    package func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        switch content {
        case .bytes(let bytes): bytes.withUnsafeBufferPointer(body)
        case .text(let text): text.withUTF8(body)
        }
    }

    /// Where each line starts, the first at 0. Asked for of every definition that is compiled.
    var lineStarts: [UInt32] {
        let known = lock.withLock { starts }
        if !known.isEmpty { return known }
        var made: [UInt32] = [0]
        withBytes { bytes in
            for at in bytes.indices where Source.isLineEnd(bytes, at) {
                made.append(UInt32(truncatingIfNeeded: at + 1))
            }
        }
        lock.withLock { starts = made }
        return made
    }

    /// A line ends at `\n`, and at a `\r` that no `\n` follows.
    static func isLineEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ at: Int) -> Bool {
        bytes[at] == 0x0a || (bytes[at] == 0x0d && (at + 1 == bytes.count || bytes[at + 1] != 0x0a))
    }

    /// The text that this source is, if it is one.
    package var text: Text? {
        if case .text(let text) = content { text } else { nil }
    }
}

/// Byte offsets in a source, end exclusive.
public struct Span: Equatable, Sendable {
    public var start: UInt32
    public var end: UInt32

    public init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }
}

/// Where a collection form stood, and each of its elements: atoms carry no place of their own.
public final class Origin: Sendable {
    public let source: Source
    public let span: Span
    /// One per element in reading order; a map's are key, value, key, value.
    public let children: [Span]

    public init(source: Source, span: Span, children: [Span]) {
        self.source = source
        self.span = span
        self.children = children
    }
}

/// A place in a source, with a few words to stand beside its caret.
package struct SourceLabel: Equatable, Sendable {
    package var source: Source
    package var span: Span
    package var text: String?

    package init(_ source: Source, _ span: Span, _ text: String? = nil) {
        self.source = source
        self.span = span
        self.text = text
    }

    /// The same place of the very same source.
    package static func == (left: SourceLabel, right: SourceLabel) -> Bool {
        left.source === right.source && left.span == right.span && left.text == right.text
    }
}

/// How bad it is what a message about a text tells.
package enum Severity: String, Sendable, CaseIterable {
    /// Stops a start.
    case error
    case warning
    /// Advice.
    case lint
}
