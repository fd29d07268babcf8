//! Machine: code → results.
//!
//! Comes in: code (instructions, constants, handler and place tables) made by the compiler. Goes out: results of fibers.
//! A fiber is data: registers and frames; the interpreter loop (`Interpreter.swift`) runs one until it finishes, fails,
//! parks or has used its slice. What fibers hand values through stands in `Channels/`. Primitives are Swift functions
//! called with a pointer to their argument registers.
//!
//! Register discipline, which the compiler keeps and the loop relies on: a destination register is always dead, so it is
//! initialised and never assigned; a register that may hold an object is moved out of or dropped at its last use (an
//! operand that dies says so in the instruction's flags); every slot always holds a valid value, so that unwinding is plain
//! deinitialisation.

/// The operations, with their operands: the one table that emitter, interpreter and disassembler read.
///
/// Notation: `a b c` are 16-bit registers or immediates, `i` the signed 32-bit field that overlays b and c; `k` is a
/// constant of the code, addressed by distance from the instruction. A dagger marks operands that may die (flag bits:
/// 1 for the first, 2 for the second).
package enum Opcode: UInt8, CaseIterable, Sendable {
    // constants and registers
    case nop  //              nothing
    case loadNil  //          a ← nil
    case loadTrue  //         a ← true
    case loadFalse  //        a ← false
    case loadInt  //          a ← i
    case loadConst  //        a ← k(i)
    case copy  //             a ← b
    case move  //             a ← b†
    case drop  //             a is released, becomes nil
    // vars
    case getVar  //           a ← root of var k(i)
    case getDynamic  //       a ← binding or root of var k(i)
    case getCapture  //       a ← captured value b of this closure
    case getSelf  //          a ← this closure
    // arithmetic: fast on two 64-bit integers or two doubles, else `Numbers`
    case add, subtract, multiply  //     a ← b† op c†
    case quotient, remainder, modulo  // a ← b† op c†
    case addInt, subtractInt, multiplyInt, remainderInt  // a ← b† op immediate c
    // comparison to a boolean
    case less, lessOrEqual, greater, greaterOrEqual, equal, identical  // a ← b† op c†
    case not  //              a ← not b†
    case isNil, isSome, isZero, isReduced  //  a ← test of b†
    // jumps: i or c is a signed distance in instructions, from the next one
    case jump  //             by i
    case jumpBack  //         by i, counting one step of the slice
    case jumpIf, jumpUnless  //          by i when a† is true / false
    case jumpIfNil, jumpUnlessNil  //    by i when a† is nil / not nil
    case jumpUnlessReduced  //           by i when a† is not what reduced makes
    case jumpUnlessLess, jumpUnlessLessOrEqual, jumpUnlessGreater, jumpUnlessGreaterOrEqual  // by c unless a† op b†
    case jumpUnlessEqual, jumpIfEqual  // by c unless / if a† = b†
    case jumpUnlessLessInt, jumpUnlessLessOrEqualInt, jumpUnlessGreaterInt, jumpUnlessGreaterOrEqualInt  // immediate b
    case jumpUnlessEqualInt  //          by c unless a† = immediate b
    // the bottom of a counted loop: one step of the slice each
    case jumpBackIfLess, jumpBackIfGreater  // by c when a† op b†
    case incrementJumpBackIfLess  //     a ← a + 1, then by c when a < b
    // calls: callee in a, arguments in a+1 …; the result replaces a, the arguments die
    case call  //             b arguments
    case callVar  //          b arguments, callee is the root of var k(c)
    case callLocal  //        b arguments, callee is c, which lives on
    case callCapture  //      b arguments, callee is captured value c
    // where there is more to it than these do, what follows does it instead; the arguments die
    case swap  //             a ← (swap! a+1 a+2 …) of b arguments; jumps by c
    case spawn  //            a fiber calls a+1 with the b arguments from a+3; flag 2: a ← its channel; jumps by c
    case ret  //              return a†
    case addReturn  //        return b† + c†; a sum that is no 64-bit integer goes to a, for the `ret` that follows
    case addJumpBack  //      a ← b† + c†, and a 64-bit sum goes on with the `jumpBack` that follows at once
    case makeClosure  //      a ← closure of prototype k(c) over the captures in b, b+1 … (moved)
    case makeSibling  //      a ← closure of function b of the group in capture 0, over this closure's captures
    case makeLazy  //         a ← lazy sequence of thunk b (moved)
    // sequences and collections
    case first, next, rest, seq, count  // a ← op b†
    case cons, conj, get, nth  //        a ← op b† c†
    case getOr  //            a ← (get b† c†), passing over the next instruction, which loads what a is without it
    case element  //          a ← element c (immediate) of b†, or nil
    case getKeyword  //       a ← (get b† k(c))
    case getField  //         a ← field k(c) of instance b†, also of an opaque one
    case assoc  //            a ← (assoc b† c c+1), both moved
    case makeVector, makeMap, makeSet, makeList  // a ← collection of the c values from b on (moved)
    // ports: a is the topmost register in use, for a put may go on with a call
    case makeChannel  //      a ← a channel without a buffer
    case take  //             a ← taken from port b†, now or when there is a value
    case put  //              a ← whether c† was put on port b†, now or when there is room
    // where there is more to a choice than this, what follows does it instead
    case choose  //           a, and with flag 2 a+1 ← what is taken from one of vector b†, and from where; jumps by c
    // exceptions
    case `throw`  //          throw a†
    case rethrow  //          go on with the fault held in a†
    case isException  //      a ← whether b is an exception of class c
    // realising lazy sequences: only in the machine's own code
    case claim  //            a ← thunk of lazy sequence b, or preempt while another fiber realises it
    case publish  //          lazy sequence a is realised as b†; jumps by c to go on with the next one
    case resume  //           return to the operation that asked, noting that no step has passed
    case halt  //             the fiber is done with a†
}

extension Opcode {
    /// A flag of `take` and `put`: the code says `<!!` or `>!!`, which promise to block. Only the checker asks.
    package static let blockingFlag = 4
}

/// One instruction: `op:8 flags:8 a:16 b:16 c:16`, from the low bits up.
package typealias Instruction = UInt64

extension Instruction {
    /// A flag of an instruction that goes straight on to the next one: a `subtractInt` to a `callVar`, a `jumpUnlessLessInt` to
    /// a `ret`.
    package static let goesOn = 128

    @inline(__always) package init(_ op: Opcode, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, flags: Int = 0) {
        self =
            UInt64(op.rawValue) | UInt64(UInt8(truncatingIfNeeded: flags)) << 8 | UInt64(UInt16(truncatingIfNeeded: a))
            << 16
            | UInt64(UInt16(truncatingIfNeeded: b)) << 32 | UInt64(UInt16(truncatingIfNeeded: c)) << 48
    }

    @inline(__always) package init(_ op: Opcode, _ a: Int, wide: Int, flags: Int = 0) {
        self =
            UInt64(op.rawValue) | UInt64(UInt8(truncatingIfNeeded: flags)) << 8 | UInt64(UInt16(truncatingIfNeeded: a))
            << 16
            | UInt64(UInt32(bitPattern: Int32(wide))) << 32
    }

    // The opcode byte was written by `init`, from an `Opcode`, so the bit cast is total.
    @inline(__always) package var op: Opcode { unsafeBitCast(UInt8(truncatingIfNeeded: self), to: Opcode.self) }
    @inline(__always) package var flags: UInt64 { (self &>> 8) & 0xff }
    @inline(__always) package var a: Int { Int(UInt16(truncatingIfNeeded: self &>> 16)) }
    @inline(__always) package var b: Int { Int(UInt16(truncatingIfNeeded: self &>> 32)) }
    @inline(__always) package var c: Int { Int(self &>> 48) }
    @inline(__always) package var signedB: Int { Int(Int16(truncatingIfNeeded: self &>> 32)) }
    @inline(__always) package var signedC: Int { Int(Int64(bitPattern: self) &>> 48) }
    @inline(__always) package var wide: Int { Int(Int64(bitPattern: self) &>> 32) }
}
