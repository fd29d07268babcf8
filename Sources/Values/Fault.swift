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

/// One level of a script's call stack.
public struct TraceFrame: Sendable {
    /// The function's name, or nil at the top level.
    public var function: String?
    public var source: Source?
    public var span: Span?

    public init(function: String?, source: Source?, span: Span?) {
        self.function = function
        self.source = source
        self.span = span
    }
}

/// An exception as the script sees it.
public final class Exception: Object, @unchecked Sendable {
    // Sendable: `trace` is set once, by the machine that first sees it thrown, before any handler can.
    public let type: ExceptionClass
    public let message: String
    /// `ex-data`: a map, or nil.
    public private(set) var data: Value
    /// An exception, or nil.
    public private(set) var cause: Value
    /// What to try next; shown by the diagnostic, not part of the message.
    public let hint: String?
    /// Innermost first; empty until thrown.
    public var trace: [TraceFrame] = []

    public init(_ type: ExceptionClass, _ message: String, data: Value = .nil, cause: Value = .nil, hint: String? = nil)
    {
        self.type = type
        self.message = message
        self.data = data
        self.cause = cause
        self.hint = hint
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
        of(.indexOutOfBounds, "index \(index) is out of bounds: there are \(count) elements")
    }
    /// `expected` with its article: `a number`.
    public static func type(_ operation: String, expected: String, found: Value, hint: String? = nil) -> Fault {
        of(.classCast, "\(operation) expected \(expected), but found \(found.briefly)", hint: hint)
    }
}
