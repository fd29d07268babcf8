//! Fuzz: bytes that libFuzzer makes up go in; a trap comes out where a promise of the reader, the codecs or the machine does
//! not hold. Built by `make fuzz` alone, with every module instrumented.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What can be fuzzed; `SLUICE_FUZZ` names one.
private let targets: [String: @Sendable (UnsafeBufferPointer<UInt8>) -> Void] = [
    "reader": ReaderTarget.run, "program": ProgramTarget.run, "codec": CodecTarget.run,
]

private let target: @Sendable (UnsafeBufferPointer<UInt8>) -> Void = {
    let name = getenv("SLUICE_FUZZ").map { String(cString: $0) } ?? ""
    guard let found = targets[name] else {
        complain("SLUICE_FUZZ has to name one of \(targets.keys.sorted().joined(separator: ", "))")
        exit(2)
    }
    return found
}()

/// What libFuzzer calls.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target(UnsafeBufferPointer(start: bytes, count: count))
    return 0
}

/// libFuzzer's loop; it takes the arguments that `-help=1` lists.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

@main enum Fuzz {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments, testOneInput))
    }
}

/// A promise that does not hold: libFuzzer keeps the input.
func broken(_ promise: String, _ details: String...) -> Never {
    complain("BROKEN: \(promise)")
    for detail in details { complain("  \(detail.debugDescription)") }
    fatalError(promise)
}

private func complain(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(2, bytes, bytes.count)
}
