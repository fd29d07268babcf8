import Values

/// Where printing goes: the value of `*out*` and `*err*`.
public final class Writer: Object, @unchecked Sendable {
    // Sendable: guarded by `lock`.
    private let lock = Lock()
    private let sink: Instance.OutputSink?
    private var collected: [UInt8] = []
    /// What comes in is laid out, and goes on to another writer.
    private var layout: PrettyLayout?
    private let target: Writer?

    /// A writer that hands over to the host.
    public init(_ sink: @escaping Instance.OutputSink) {
        self.sink = sink
        target = nil
    }
    /// A writer that collects, for `with-out-str`.
    public override init() {
        sink = nil
        target = nil
    }
    /// A writer that lays out what it is given and hands it to `target`, for `clojure.pprint`.
    public init(_ layout: PrettyLayout, to target: Writer) {
        sink = nil
        self.layout = layout
        self.target = target
    }

    public func write(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        if layOut({ $0.write(bytes) }) { return }
        lock.withLock {
            if let sink { bytes.withUnsafeBufferPointer { sink($0) } } else { collected.append(contentsOf: bytes) }
        }
    }

    /// Changes the layout, and hands over what is finished by that; false without one.
    @discardableResult
    func layOut(_ change: (inout PrettyLayout) -> Void) -> Bool {
        let finished = lock.withLock { () -> [UInt8]? in
            guard layout != nil else { return nil }
            change(&layout!)
            return layout!.take()
        }
        guard let finished else { return false }
        target?.write(finished)
        return true
    }

    /// The column that the next text begins at, when it is laid out; nil otherwise.
    var column: Int? { lock.withLock { layout?.column } }

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
