/// Server-sent events: bytes in whatever pieces they come → the data of each event (WHATWG HTML, 9.2).
struct ServerSentEvents {
    /// One event's data may not grow beyond this unless told otherwise: it would be a server that never ends one.
    static let usualEventBytes = 8 << 20

    private let maxEventBytes: Int
    /// An event was cut off at its limit.
    private(set) var isCut = false
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    /// The last byte was a carriage return: a line feed right after it ends no second line.
    private var afterReturn = false
    private var atStart = true

    init(maxEventBytes: Int = ServerSentEvents.usualEventBytes) { self.maxEventBytes = maxEventBytes }

    /// The data of the events that `bytes` complete.
    mutating func feed(_ bytes: [UInt8]) -> [[UInt8]] {
        var events: [[UInt8]] = []
        for byte in bytes {
            if byte == 10, afterReturn {
                afterReturn = false
                continue
            }
            afterReturn = byte == 13
            if byte != 10, byte != 13 {
                if line.count < maxEventBytes { line.append(byte) } else { isCut = true }
                continue
            }
            if let event = endLine() { events.append(event) }
        }
        return events
    }

    private mutating func endLine() -> [UInt8]? {
        defer { line.removeAll(keepingCapacity: true) }
        if atStart, line.starts(with: [0xef, 0xbb, 0xbf]) { line.removeFirst(3) }
        atStart = false
        if line.isEmpty {
            defer { (data, hasData) = ([], false) }
            return hasData ? data : nil
        }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        guard line[..<colon].elementsEqual("data".utf8) else { return nil }
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        if hasData { data.append(10) }
        hasData = true
        if data.count < maxEventBytes { data.append(contentsOf: value) } else { isCut = true }
        return nil
    }
}
