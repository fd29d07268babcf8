import Engine
import Foundation
import Testing
import Values

@testable import Sluice

/// Namespaces in files, loaded while fibers run.
@Suite struct RequireTests {
    /// The first waits for a channel, so loading it needs the scheduler that the fiber which requires it occupies.
    private static let files = [
        "shop/stock.slu": """
        (ns shop.stock)
        (def loads (atom 0))
        (swap! loads inc)
        (def item (clojure.core.async/<! (clojure.core.async/go :apple)))
        """,
        "shop/till.slu": "(ns shop.till) (require '[shop.stock :as stock]) (def sold [stock/item :sold])",
        "shop/told.slu": "(ns shop.told (:require [shop.told-within])) (println \"told\" *print-length*)",
        "shop/told_within.slu": "(ns shop.told-within) (println \"within\")",
        "shop/stuck.slu": "(ns shop.stuck) (clojure.core.async/<! (clojure.core.async/chan))",
    ]

    private func evaluate(_ text: String, seed: UInt64?) throws -> String {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("require-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("shop"), withIntermediateDirectories: true)
        for (path, text) in Self.files {
            try text.write(to: folder.appendingPathComponent(path), atomically: true, encoding: .utf8)
        }
        var options = SessionOptions(grants: Capabilities(workingDirectory: folder.path))
        options.sourcePaths = [folder.path]
        options.seed = seed
        let session = Session(options)
        defer { session.shutDown() }
        switch session.evaluate(text) {
        case .success(let value): return try session.printed(value).get()
        case .failure(let fault): return Expectation.text(fault)
        }
    }

    @Test(arguments: [nil, 1, 2] as [UInt64?]) func loadsWithinAFiber(_ seed: UInt64?) throws {
        #expect(try evaluate("(require 'shop.till) (deref (resolve 'shop.till/sold))", seed: seed) == "[:apple :sold]")
    }

    @Test(arguments: [nil, 1, 2] as [UInt64?]) func loadsOnce(_ seed: UInt64?) throws {
        let text = """
            (require '[clojure.core.async :refer [go <!]])
            (let [sold (fn [] (go (require 'shop.till) (deref (resolve 'shop.till/sold))))]
              [(<! (sold)) (<! (sold)) (deref (deref (resolve 'shop.stock/loads)))])
            """
        #expect(try evaluate(text, seed: seed) == "[[:apple :sold] [:apple :sold] 1]")
    }

    /// A file sees the dynamic bindings of whoever requires it, and so do the files that it requires.
    @Test(arguments: [nil, 1] as [UInt64?]) func seesBindings(_ seed: UInt64?) throws {
        let text = "(binding [*print-length* 7] (with-out-str (require 'shop.told)))"
        #expect(try evaluate(text, seed: seed) == #""within\ntold 7\n""#)
    }

    @Test(arguments: [nil, 1] as [UInt64?]) func aFileThatWaitsForEverIsAnError(_ seed: UInt64?) throws {
        #expect(try evaluate("(require 'shop.stuck)", seed: seed).contains("waits for ever"))
    }
}
