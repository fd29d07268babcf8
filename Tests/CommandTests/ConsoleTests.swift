import Synchronization
import Testing
import Values

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

@testable import Command

@Suite struct ConsoleTests {
    private let erase = "\r\u{1b}[K"

    @Test func outputPassesAboveTheStatusLine() {
        let screen = Screen()
        let console = screen.console {
            $0.output = true
            $0.error = true
            $0.canRedraw = true
        }
        console.setStatus("1 s")
        console.write("hello\n", to: .output)
        console.setStatus("2 s")
        console.close()
        #expect(screen.all == "1 s" + erase + "hello\n" + "1 s" + erase + "2 s" + erase)
    }

    @Test func nothingIsDrawnBehindAnUnfinishedLine() {
        let screen = Screen()
        let console = screen.console {
            $0.output = true
            $0.error = true
            $0.canRedraw = true
        }
        console.write("name? ", to: .output)
        console.setStatus("1 s")
        console.write("Ada\n", to: .output)
        #expect(screen.all == "name? Ada\n1 s")
    }

    @Test func aPipeSeesNoStatus() {
        let screen = Screen()
        let console = screen.console()
        console.setStatus("1 s")
        console.write("a", to: .output)
        console.write("b\n", to: .error)
        #expect(screen.output == "a")
        #expect(screen.error == "b\n")
    }

    @Test func eachPrintedLineIsOneObject() {
        let screen = Screen()
        let console = screen.console(json: true)
        console.write("a \"quo", to: .output)
        console.write("te\"\n\nlast", to: .output)
        console.write("[INFO] to the other stream\n", to: .error)
        console.close()
        #expect(
            screen.output == """
                {"type":"output","text":"a \\"quote\\""}
                {"type":"output","text":""}
                {"type":"output","text":"last"}

                """)
        #expect(screen.error == "[INFO] to the other stream\n")
    }

    @Test func aCharacterCutBetweenTwoWritesStaysWhole() {
        let screen = Screen()
        let console = screen.console(json: true)
        let bytes = Array("é\n".utf8)
        console.write(Array(bytes[..<1]), to: .output)
        console.write(Array(bytes[1...]), to: .output)
        #expect(screen.output == "{\"type\":\"output\",\"text\":\"é\"}\n")
    }

    @Test func whatCannotBeWrittenIsKnown() {
        let console = Console(Terminal()) { stream, _ in stream == .output ? ENOSPC : nil }
        console.write("a", to: .error)
        #expect(console.loss == nil)
        console.write("b", to: .output)
        #expect(console.loss == ENOSPC)
    }

    @Test func aReaderThatLeftIsToldOfOnce() {
        let screen = Screen()
        let console = screen.console()
        let calls = Atomic<Int>(0)
        console.whenLost { _ in calls.add(1, ordering: .relaxed) }
        console.write("a", to: .output)
        #expect(calls.load(ordering: .relaxed) == 0)
        screen.hangUp()
        console.write("b", to: .error)
        #expect(calls.load(ordering: .relaxed) == 0)
        console.write("c", to: .output)
        console.write("d", to: .output)
        #expect(calls.load(ordering: .relaxed) == 1)
    }
}
