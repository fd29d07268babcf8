import Values

/// Where printing goes: the value of `*out*` and `*err*`.
public final class Writer: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private let sink: Instance.OutputSink?
    private var collected: [UInt8] = []

    /// A writer that hands over to the host.
    public init(_ sink: @escaping Instance.OutputSink) { self.sink = sink }
    /// A writer that collects, for `with-out-str`.
    public override init() { sink = nil }

    public func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        lock.withLock {
            if let sink { bytes.withUnsafeBufferPointer { sink($0) } } else { collected.append(contentsOf: bytes) }
        }
    }

    /// What was collected.
    public var text: Text { lock.withLock { collected.withUnsafeBufferPointer { Text(validated: $0) } } }

    public override func write(to printer: inout Printer) throws(Fault) { printer.write("#<writer>") }
    public override func writeText(to printer: inout Printer) throws(Fault) {
        if sink == nil {
            printer.bytes.append(contentsOf: lock.withLock { collected })
        } else {
            try write(to: &printer)
        }
    }
}
