/// Why an operation did not return: thrown through every target of the core.
public enum Fault: Error, @unchecked Sendable {
    // Sendable: its payloads are.
    /// The script's fault, or a value it threw: catchable.
    case thrown(Exception)
    /// The operation met an unrealised lazy sequence. The machine realises it (in growing steps) and runs the operation
    /// again, so an operation must not have changed anything before it throws this.
    case force(LazySeq)
    /// A budget ran out (N6): no `catch` sees it; `finally` runs within a small grace.
    case exhausted(Budget)
    /// The fiber was cancelled: no `catch` sees it; `finally` runs.
    case cancelled(CancelReason)
}

/// The resources a run is limited in.
public enum Budget: String, Sendable {
    case instructions
    case memory
    case depth = "call depth"
    case time = "wall time"
    /// What `finally` blocks may take once a run was stopped (D23).
    case shutdown
}

/// Why work was cancelled (J25).
public enum CancelReason: String, Sendable {
    case superseded, requested, stopped, parent
}

/// The classes an exception can have, with the parent each is caught by (`nil` for the root). The names are Clojure's, so
/// that portable `catch` clauses work.
public enum ExceptionClass: String, CaseIterable, Sendable {
    case throwable = "Throwable"
    case error = "Error"
    case stackOverflow = "StackOverflowError"
    case assertion = "AssertionError"
    case exception = "Exception"
    case runtime = "RuntimeException"
    case info = "ExceptionInfo"
    case illegalArgument = "IllegalArgumentException"
    case numberFormat = "NumberFormatException"
    case illegalState = "IllegalStateException"
    case unsupported = "UnsupportedOperationException"
    case arithmetic = "ArithmeticException"
    case classCast = "ClassCastException"
    case indexOutOfBounds = "IndexOutOfBoundsException"
    case nullPointer = "NullPointerException"
    case arity = "ArityException"
    case io = "IOException"
    case fileNotFound = "FileNotFoundException"
    case interrupted = "InterruptedException"
    case timeout = "TimeoutException"
    /// A text that is not what the grammar allows.
    case syntax = "ReaderException"
    /// A form that means nothing: an unknown name, a misshapen special form.
    case compiler = "CompilerException"

    public var parent: ExceptionClass? {
        switch self {
        case .throwable: nil
        case .error, .exception: .throwable
        case .stackOverflow, .assertion: .error
        case .runtime, .io, .interrupted, .timeout: .exception
        case .fileNotFound: .io
        case .numberFormat, .arity: .illegalArgument
        default: .runtime
        }
    }

    public func isKind(of other: ExceptionClass) -> Bool {
        self == other || (parent?.isKind(of: other) ?? false)
    }
}

/// An exception as the script sees it.
public final class Exception: Object, @unchecked Sendable {
    // Sendable: what can change is set once, by the machine that first sees it thrown, before any handler can.
    public let type: ExceptionClass
    private let text: String
    /// `ex-data`: a map, or nil.
    public private(set) var data: Value
    /// An exception, or nil.
    public private(set) var cause: Value
    /// It tells whoever waited for an effect how that failed; its cause is what the handler threw, if that is code of the script.
    public let isOfEffect: Bool
    /// Whether what an effect failed with may pass when it is done again.
    public let mayPass: Bool
    /// What to try next; shown by the diagnostic, not part of the message.
    public let hint: String?
    /// A form of the script is wrong, so that it cannot begin; not something that it does.
    public var isOfForm = false
    /// Innermost first; empty until thrown.
    public var trace: [TraceFrame] = []
    /// What was expected and found, when that is what is wrong.
    public var mismatch: Mismatch?
    /// The value that is to blame: the machine looks for it among the arguments of the call at fault.
    public private(set) var suspect: Value?
    /// The suspect was called, and is nothing to call.
    public private(set) var isUncallable = false
    /// The value that a call failed for, when that is known.
    public var culprit: Culprit?
    /// What was called, when the call is what is wrong.
    public var callee: Callee?
    /// Places in a text that the script worked on.
    package var related: [SourceLabel] = []

    public var message: String { mismatch?.message ?? text }

    public init(_ type: ExceptionClass, _ message: String, data: Value = .nil, cause: Value = .nil, hint: String? = nil)
    {
        self.type = type
        text = message
        self.data = data
        self.cause = cause
        self.hint = hint
        isOfEffect = false
        mayPass = false
    }

    /// Tells how an effect failed.
    ///
    /// - Parameters:
    ///   - thrown: by its handler.
    ///   - mayPass: when it is done again.
    public init(ofEffect message: String, data: Value, thrown: Exception?, mayPass: Bool) {
        type = .info
        text = message
        self.data = data
        cause = thrown.map { .object($0) } ?? .nil
        hint = nil
        isOfEffect = true
        self.mayPass = mayPass
    }

    /// The same, thrown at the same place, in other words: for those whom its own are kept from.
    package init(_ other: Exception, message: String, data: Value, cause: Value) {
        type = other.type
        text = message
        self.data = data
        self.cause = cause
        hint = nil
        isOfEffect = other.isOfEffect
        mayPass = other.mayPass
        isOfForm = other.isOfForm
        trace = other.trace
    }

    /// This one and what handlers of effects threw that led to it: what was thrown first is the last.
    public var throughEffects: [Exception] {
        var chain = [self]
        while let outer = chain.last, outer.isOfEffect, case .object(let object) = outer.cause,
            let inner = object as? Exception
        {
            chain.append(inner)
        }
        return chain
    }

    /// Where in the script it was thrown: the innermost level that is no library's; nil until thrown.
    public var site: TraceFrame? { trace.first { $0.span != nil && $0.source != nil && !$0.isLibrary } }

    /// Says which value is to blame.
    public func blame(_ value: Value, isUncallable: Bool = false) {
        suspect = value
        self.isUncallable = isUncallable
    }

    deinit {
        // A chain of causes may be as long as a script likes.
        Release.field(&data)
        Release.field(&cause)
    }

    public override var kind: ObjectKind { .exception }

    /// `#error {:class ExceptionInfo, :message "…", :data {…}, :cause #error {…}}`; a chain of causes nests no calls.
    public override func write(to printer: inout Printer) throws(Fault) {
        var current = self
        var open = 0
        while true {
            open += 1
            printer.write("#error {:class \(current.type.rawValue), :message ")
            try printer.writeQuoted(Text(current.message))
            if !current.data.isNil {
                printer.write(", :data ")
                try printer.write(current.data)
            }
            guard case .object(let object) = current.cause, let cause = object as? Exception else { break }
            printer.write(", :cause ")
            current = cause
        }
        printer.write(String(repeating: "}", count: open))
    }

    /// `ExceptionInfo: boom {:a 1}`.
    public override func writeText(to printer: inout Printer) throws(Fault) {
        printer.write("\(type.rawValue): \(message)")
        guard !data.isNil else { return }
        printer.write(" ")
        try printer.write(data)
    }
}

extension Fault {
    public static func of(_ type: ExceptionClass, _ message: String, data: Value = .nil, hint: String? = nil) -> Fault {
        .thrown(Exception(type, message, data: data, hint: hint))
    }
    public static func illegalArgument(_ message: String, hint: String? = nil) -> Fault {
        of(.illegalArgument, message, hint: hint)
    }
    public static func illegalState(_ message: String) -> Fault { of(.illegalState, message) }
    public static func arithmetic(_ message: String) -> Fault { of(.arithmetic, message) }
    public static func unsupported(_ message: String) -> Fault { of(.unsupported, message) }
    public static func indexOutOfBounds(_ index: Int, count: Int) -> Fault {
        let elements =
            count == 0 ? "there are no elements" : count == 1 ? "there is 1 element" : "there are \(count) elements"
        return of(.indexOutOfBounds, "index \(index) is out of bounds: \(elements)").blaming(.int(Int64(index)))
    }
    /// `expected` with its article: `a number`.
    public static func type(
        _ operation: String, expected: String, found: Value, hint: String? = nil, as type: ExceptionClass = .classCast
    ) -> Fault {
        let exception = Exception(type, "", hint: hint)
        exception.mismatch = Mismatch(operation: operation, expected: expected, found: found)
        exception.blame(found)
        return .thrown(exception)
    }

    /// The fault, which says that this value is to blame.
    public func blaming(_ value: Value) -> Fault {
        if case .thrown(let exception) = self { exception.blame(value) }
        return self
    }

    /// The fault, with the operation that a mismatch is about called `operation`, unless it is known better already.
    public func named(_ operation: String) -> Fault {
        guard case .thrown(let exception) = self, exception.trace.isEmpty, let mismatch = exception.mismatch,
            !mismatch.isNamed
        else { return self }
        if !mismatch.operation.isAbout(operation) { exception.mismatch?.operation = operation }
        exception.mismatch?.isNamed = true
        return self
    }
}

extension String {
    /// Whether a description of an operation, such as `assoc on a vector`, begins with its name.
    fileprivate func isAbout(_ name: String) -> Bool {
        hasPrefix(name) && (utf8.count == name.utf8.count || utf8.dropFirst(name.utf8.count).first == 0x20)
    }
}
