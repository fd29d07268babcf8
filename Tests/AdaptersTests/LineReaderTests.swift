import TestSupport
import Testing
import Values

@testable import Adapters

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lines of standard input as a pull effect (P25): what is a line, and what becomes of reads that wait.
@Suite struct LineReaderTests {
    /// A reader of a pipe, and the pipe's other end.
    private final class Input: Sendable {
        let reader: LineReader
        private let ends: [Int32]

        init(limit: Int = LineReader.lineLimit) {
            var ends: [Int32] = [-1, -1]
            pipe(&ends)
            self.ends = ends
            reader = LineReader(descriptor: ends[0], limit: limit)
        }

        deinit { close(ends[0]) }

        func write(_ bytes: [UInt8]) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { posixWrite(ends[1], $0.baseAddress, $0.count) }
                if count <= 0 { return }
                rest = rest.dropFirst(count)
            }
        }

        func write(_ text: String) { write(Array(text.utf8)) }
        func end() { close(ends[1]) }

        /// Asks for a line.
        func next(_ answers: Gathered<String>) -> (@Sendable () -> Void)? {
            reader.next { result in answers.add(LineReaderTests.shown(result)) }
        }

        /// The answers to so many reads, one after the other.
        func lines(_ count: Int) async -> [String] {
            let answers = Gathered<String>()
            for index in 0..<count {
                _ = next(answers)
                _ = await answers.wait { $0.count > index }
            }
            return answers.all
        }
    }

    private static func shown(_ result: Result<Value, AdapterError>) -> String {
        switch result {
        case .success(.nil): "nil"
        case .success(let value): "\"\(value.stringValue ?? "?")\""
        case .failure(let error): "\(error.code.rawValue): \(error.message)"
        }
    }

    // P25: without breaks, whether LF or CRLF; the last one needs none; then there is nothing more, as often as one asks.
    @Test func aLineEndsWithABreakOrTheInput() async {
        let input = Input()
        input.write("one\r\ntwo\n\nfün\rf\nlast")
        input.end()
        #expect(await input.lines(7) == [#""one""#, #""two""#, #""""#, "\"fün\rf\"", #""last""#, "nil", "nil"])
        let empty = Input()
        empty.end()
        #expect(await empty.lines(1) == ["nil"])
    }

    /// However the bytes are cut in pieces, the lines are the same.
    @Test func piecesDoNotMatter() {
        let text = Array("a\r\n\r\nbc\rd\n\u{e4}\n123456789\nend\r".utf8)
        let expected = ["a", "", "bc\rd", "\u{e4}", "too long", "end\r"]
        for size in 1...text.count {
            var buffer = LineBuffer(limit: 8)
            var found: [String] = []
            func take() {
                while true {
                    switch buffer.next() {
                    case .line(let bytes, let number):
                        found.append(String(decoding: bytes, as: UTF8.self))
                        #expect(number == found.count)
                    case .tooLong(let number):
                        found.append("too long")
                        #expect(number == found.count)
                    case .end, .none: return
                    }
                }
            }
            for start in stride(from: 0, to: text.count, by: size) {
                buffer.append(text[start..<min(start + size, text.count)], isEnd: false)
                take()
            }
            buffer.append([], isEnd: true)
            take()
            #expect(found == expected, "pieces of \(size)")
            #expect(buffer.next() == .end)
        }
    }

    /// A line may be as long as the limit; of a longer one nothing is kept, and the next is whole.
    @Test func aLineIsBounded() async {
        let input = Input(limit: 8)
        let writer = startThread {
            input.write("12345678\r\n123456789\nok\n")
            input.write([UInt8](repeating: 65, count: 300_000))
            input.write("\nlast")
            input.end()
        }
        #expect(writer)
        let message = { (line: Int) in
            "too_large: line \(line) of standard input is longer than 8 bytes, the most that a line may have; its rest is passed over"
        }
        #expect(await input.lines(6) == [#""12345678""#, message(2), #""ok""#, message(4), #""last""#, "nil"])
        #expect(LineReader.lineLimit == 16 * 1024 * 1024)
    }

    // N2
    @Test func whatIsNoTextIsRefused() async {
        let input = Input()
        input.write(Array("ab".utf8) + [0xff, 10] + Array("next\n".utf8))
        input.end()
        #expect(
            await input.lines(2) == [
                "invalid_utf8: line 1 of standard input is not text in UTF-8 (byte 2); convert it", #""next""#,
            ])
    }

    /// Who waits can stop; what comes then is the next one's.
    @Test func aWaitingReadIsCancelled() async {
        let (input, answers) = (Input(), Gathered<String>())
        let cancel = input.next(answers)
        #expect(answers.all.isEmpty)
        cancel?()
        #expect(answers.all == ["cancelled: the work was cancelled"])
        input.write("kept\n")
        #expect(await input.lines(1) == [#""kept""#])
        // Once more, with another who goes on waiting.
        let others = Gathered<String>()
        let second = input.next(answers)
        _ = input.next(others)
        second?()
        input.write("for the other\n")
        #expect(await others.wait { !$0.isEmpty } == [#""for the other""#])
        #expect(answers.all.count == 2)
        cancel?()
        second?()
        #expect(answers.all.count == 2)
        input.end()
    }

    @Test func whoAskedFirstIsAnsweredFirst() async {
        let (input, first, second) = (Input(), Gathered<String>(), Gathered<String>())
        _ = input.next(first)
        _ = input.next(second)
        input.write("1\n2\n")
        #expect(await first.wait { !$0.isEmpty } == [#""1""#])
        #expect(await second.wait { !$0.isEmpty } == [#""2""#])
        input.end()
    }

    @Test func anInputThatCannotBeReadSaysSo() async {
        let answers = Gathered<String>()
        let reader = LineReader(descriptor: 1 << 20)
        _ = reader.next { answers.add(LineReaderTests.shown($0)) }
        #expect(
            await answers.wait { !$0.isEmpty } == ["io_error: could not read standard input: Bad file descriptor"])
    }

    /// Where the host lends no input, a script is told so.
    @Test func anInputThatIsNotLent() async {
        let error = await failure { () async throws(AdapterError) in
            try await perform(LineEffects(nil).all, "stdin/line", [:])
        }
        #expect(error?.code == .unavailable)
    }
}

/// `write(2)` under a name that methods do not hide.
private func posixWrite(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(file, bytes, count) }
