extension Numbers {
  static func i(_ v: Value) throws(Fault) -> Double { switch v { case .int(let x): Double(x); case .double(let d): d; default: throw .type("arithmetic", expected: "a number", found: v) } }
  public static func add(_ a: Value, _ b: Value) throws(Fault) -> Value { .double(try i(a) + i(b)) }
  public static func subtract(_ a: Value, _ b: Value) throws(Fault) -> Value { .double(try i(a) - i(b)) }
  public static func multiply(_ a: Value, _ b: Value) throws(Fault) -> Value { .double(try i(a) * i(b)) }
  public static func quotient(_ a: Value, _ b: Value) throws(Fault) -> Value { .double(try i(a) / i(b)) }
  public static func remainder(_ a: Value, _ b: Value) throws(Fault) -> Value { .double(try i(a) / i(b)) }
  public static func modulo(_ a: Value, _ b: Value) throws(Fault) -> Value { .double(try i(a) / i(b)) }
  public static func less(_ a: Value, _ b: Value) throws(Fault) -> Bool { try i(a) < i(b) }
  public static func lessOrEqual(_ a: Value, _ b: Value) throws(Fault) -> Bool { try i(a) <= i(b) }
  public static func isZero(_ a: Value) throws(Fault) -> Bool { try i(a) == 0 }
}
public final class Regex: Object, @unchecked Sendable { public init(_ t: Text) throws(Fault) {} }
