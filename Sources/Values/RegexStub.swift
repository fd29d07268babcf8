public final class Regex: Object, @unchecked Sendable { public init(_ t: Text) throws(Fault) {} }
