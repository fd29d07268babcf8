import Foundation
import Reader
import Testing
import Values

@testable import Command

/// `sluice test` on files.
@Suite struct TestRunTests {
    private static let files = [
        "shop.slu": "(ns shop)\n(defn add [a b] (+ a b))\n",
        "test/shop_test.slu": """
        (ns shop-test (:require [clojure.test :refer [deftest is testing use-fixtures]] [shop]))
        (def log (atom []))
        (use-fixtures :each (fn [f] (swap! log conj :each) (f)))
        (deftest adds (is (= 3 (shop/add 1 2))) (is (= [:each] @log)))
        (deftest fails
          (testing "outer" (is (= 4 (shop/add 1 2)) "why")))
        (deftest breaks (throw (ex-info "oops" {:a 1})))
        """,
        "test/more.slu": "(ns more (:require [clojure.test :as t]))\n(t/deftest fine (t/is true))\n",
        "test/plain.slu": "(ns plain)\n(throw (ex-info \"this is no test\" {})) ; (deftest x)\n",
    ]

    private func run(
        _ paths: [String], in folder: ScratchFolder, json: Bool = false,
        _ change: (inout TestRequest) -> Void = { _ in }
    ) -> (code: Int32, screen: Screen) {
        let screen = Screen()
        var request = TestRequest(paths: paths.map(folder.path))
        request.settings.json = json
        change(&request)
        let control = RunControl(screen.console(json: json))
        let code = SessionDriver().test(request, control)
        control.console.close()
        return (code, screen)
    }

    @Test func reportsAsClojureTestDoes() throws {
        let folder = try ScratchFolder(Self.files)
        // The namespace that is tested stands in the folder that was given, not beside the test.
        let found = run([""], in: folder)
        #expect(found.code == 1)
        let place = folder.path("test/shop_test.slu")
        #expect(
            found.screen.output == """

                Testing more

                Testing shop-test

                FAIL in (fails) (\(place):6)
                outer
                why
                expected: (= 4 (shop/add 1 2))
                  actual: (not (= 4 3))

                ERROR in (breaks) (\(place):7)
                Uncaught exception, not in assertion.
                expected: nil
                  actual: clojure.lang.ExceptionInfo: oops
                    data: {:a 1}
                    at \(place):7
                    at \(place):3

                Ran 4 tests containing 5 assertions.
                1 failures, 1 errors.

                """)
        #expect(found.screen.error == "")
    }

    @Test func whatPassesEndsWithZero() throws {
        let folder = try ScratchFolder(Self.files)
        let found = run(["test/more.slu"], in: folder)
        #expect(found.code == 0)
        #expect(found.screen.output.hasSuffix("\nRan 1 tests containing 1 assertions.\n0 failures, 0 errors.\n"))
    }

    @Test func withJSONEveryLineIsAnObject() throws {
        let folder = try ScratchFolder(Self.files)
        let found = run([""], in: folder, json: true)
        #expect(found.code == 1)
        let lines = try found.screen.output.split(separator: "\n").map { try JSON.read(Array($0.utf8)) }
        func field(_ line: Value, _ name: String) throws -> Value? {
            guard case .map(let map) = line else { return nil }
            return try map.find(.string(name))
        }
        #expect(
            try lines.map { try field($0, "type")?.stringValue } == [
                "test.ended", "test.ended", "test.failed", "test.ended", "test.error", "test.ended", "test.summary",
            ])
        #expect(
            try lines.map { try field($0, "test")?.stringValue } == [
                "fine", "adds", "fails", "fails", "breaks", "breaks", nil,
            ])
        #expect(try field(lines[2], "expected")?.stringValue == "(= 4 (shop/add 1 2))")
        #expect(try field(lines[2], "actual")?.stringValue == "(not (= 4 3))")
        #expect(try Printer.readable(try #require(try field(lines[2], "contexts"))) == "[\"outer\"]")
        #expect(try Printer.readable(try #require(try field(lines[2], "line"))) == "6")
        #expect(try field(lines[4], "actual")?.stringValue == "clojure.lang.ExceptionInfo: oops")
        #expect(try Printer.readable(try #require(try field(lines[1], "pass"))) == "2")
        let summary = try ["tests", "assertions", "failures", "errors"].map { try field(lines[6], $0) ?? .nil }
        #expect(try Printer.readable(.vector(Vector(summary))) == "[4 5 1 1]")
    }

    @Test(
        arguments: [
            ("shop-test", nil, 3, 1), ("shop-test", "adds", 1, 0), ("more", nil, 1, 0), ("more", "fine", 1, 0),
        ] as [(String, String?, Int, Int32)])
    func onlyWhatIsChosen(_ namespace: String, _ test: String?, _ count: Int, _ code: Int32) throws {
        let folder = try ScratchFolder(Self.files)
        let found = run([""], in: folder) { $0.only = TestRequest.Selection(namespace: namespace, test: test) }
        #expect(found.code == code)
        #expect(found.screen.output.contains("\nRan \(count) tests"))
    }

    @Test(
        arguments: [
            ("shop-tset", nil, "shop-tset", "did you mean `shop-test`?"),
            (
                "shop-test", "add", "shop-test/add",
                "did you mean `shop-test/adds`, `shop-test/fails` or `shop-test/breaks`?"
            ),
        ] as [(String, String?, String, String)])
    func whatIsNotThereIsAnError(_ namespace: String, _ test: String?, _ name: String, _ hint: String) throws {
        let folder = try ScratchFolder(Self.files)
        let found = run([""], in: folder) { $0.only = TestRequest.Selection(namespace: namespace, test: test) }
        #expect(found.code == 2)
        #expect(found.screen.all == "sluice: there is no test \(name) in \(folder.path(""))\n  \(hint)\n")
    }

    @Test func noTestsAreNoSuccess() throws {
        let folder = try ScratchFolder(["a.slu": "(ns a)\n(def deftest 1)\n"])
        for path in ["", "a.slu"] {
            let found = run([path], in: folder)
            #expect(found.code == 2)
            #expect(found.screen.all == "sluice: there are no tests in \(folder.path(path))\n")
        }
    }

    @Test func aFileThatCannotBeLoadedStopsNoOther() throws {
        let folder = try ScratchFolder([
            "a_test.slu": "(ns a-test)\n(oops)\n",
            "b_test.slu": "(ns b-test (:require [clojure.test :as t]))\n(t/deftest b)\n",
        ])
        let found = run([""], in: folder)
        #expect(found.code == 2)
        #expect(found.screen.error.contains("a_test.slu:2:2: error: cannot resolve oops"))
        #expect(found.screen.output.contains("Ran 1 tests"))
        #expect(run(["missing.slu"], in: folder).code == 2)
    }

    /// Grants, budgets and the schedule are those of `run`.
    @Test func settingsAreThoseOfARun() throws {
        let folder = try ScratchFolder([
            "grant_test.slu": """
            (ns grant-test (:require [clojure.test :as t]))
            (t/deftest secret (t/is (string? (fs/read "/etc/hostname"))))
            """,
            "loop_test.slu": "(ns loop-test (:require [clojure.test :as t]))\n(t/deftest spins (loop [] (recur)))\n",
            "wait_test.slu": """
            (ns wait-test (:require [clojure.test :as t] [clojure.core.async :as a]))
            (t/deftest waits (t/is (nil? (a/<! (a/timeout 86400000)))))
            """,
        ])
        #expect(run(["grant_test.slu"], in: folder).code == 1)
        #expect(run(["grant_test.slu"], in: folder) { $0.settings.allow = ["read=/etc"] }.code == 0)
        #expect(run(["loop_test.slu"], in: folder) { $0.settings.limits.steps = 100_000 }.code == 3)
        #expect(run(["loop_test.slu"], in: folder) { $0.settings.limits.seconds = 0.05 }.code == 3)
        #expect(run(["wait_test.slu"], in: folder) { $0.settings.schedule = .virtual(seed: 1) }.code == 0)
    }

    /// What tests start in the background: each failure that nobody hears of is an error, and the others are none.
    private static let background = [
        "back_test.slu": """
        (ns back-test (:require [clojure.test :as t] [clojure.core.async :as a]))
        (defn fails [x] (throw (ex-info (str "no " x) {:x x})))
        (t/deftest go-block (a/go (fails "luck")) (t/is true))
        (t/deftest deep (a/go (a/go (fails "end"))) (t/is true))
        (t/deftest awaited (process/start `fails ["a"] {:id "heard"})
          (t/is (thrown-with-msg? Exception #"no a" (process/await "heard"))))
        (t/deftest derefed (t/is (thrown? Exception @(future (fails "b")))))
        (t/deftest unawaited (process/start `fails ["c"] {:id "lost"}) (t/is true))
        (t/deftest last-one (process/start `fails ["d"] {:id "late"}))
        """
    ]

    @Test(arguments: [nil, 1, 2, 3] as [UInt64?]) func backgroundFailuresNameTheirTest(_ seed: UInt64?) throws {
        let folder = try ScratchFolder(Self.background)
        let found = run(["back_test.slu"], in: folder) { request in
            if let seed { request.settings.schedule = .virtual(seed: seed) }
        }
        #expect(found.code == 1)
        #expect(
            found.screen.output.hasSuffix("\nRan 6 tests containing 9 assertions.\n0 failures, 4 errors.\n"),
            "\(found.screen.output)")
        let error = found.screen.error
        for said in [
            "back_test.slu:2:17: error: no luck\n", "error: no end\n", "error: no c\n", "error: no d\n",
            "runs on its own. The test back-test/go-block started it.\n",
            "runs on its own. The test back-test/deep started it.\n",
            "  Process `lost` failed, and nobody awaited it. The test back-test/unawaited started it.\n",
            "  Process `late` failed, and nobody awaited it. The test back-test/last-one started it.\n",
        ] { #expect(error.contains(said), "\(said)\nin\n\(error)") }
        #expect(!error.contains("no a\n") && !error.contains("no b\n"))
    }

    @Test func withJSONBackgroundFailuresAreErrorsOfTheirTest() throws {
        let folder = try ScratchFolder(Self.background)
        let found = run(["back_test.slu"], in: folder, json: true) { $0.settings.schedule = .virtual(seed: 1) }
        #expect(found.code == 1 && found.screen.error == "")
        let errors = try found.screen.output.split(separator: "\n").compactMap { line -> String? in
            guard case .map(let map) = try JSON.read(Array(line.utf8)),
                try map.find(.string("type"))?.stringValue == "test.error"
            else { return nil }
            let fields = try ["namespace", "test", "actual", "line", "expected"].map {
                try map.find(.string($0)) ?? .nil
            }
            return try Printer.readable(.vector(Vector(fields)))
        }
        #expect(
            errors.sorted() == [
                "[\"back-test\" \"deep\" \"clojure.lang.ExceptionInfo: no end\" 2 nil]",
                "[\"back-test\" \"go-block\" \"clojure.lang.ExceptionInfo: no luck\" 2 nil]",
                "[\"back-test\" \"last-one\" \"clojure.lang.ExceptionInfo: no d\" 2 nil]",
                "[\"back-test\" \"unawaited\" \"clojure.lang.ExceptionInfo: no c\" 2 nil]",
            ])
        #expect(found.screen.output.contains("\"errors\":4"))
    }

    /// What starts in a test is below it; what starts between tests is below what stood there before, counted on.
    @Test func eachTestHasAPlaceOfItsOwn() throws {
        let folder = try ScratchFolder([
            "place_test.slu": """
            (ns place-test (:require [clojure.test :as t]))
            (defn here [] (println @(future (sluice.runtime/identity))))
            (t/use-fixtures :each (fn [f] (here) (f) (f)))
            (t/deftest a (here) (here))
            (t/deftest b (here))
            """
        ])
        let found = run(["place_test.slu"], in: folder)
        let places = found.screen.output.split(separator: "\n").filter { $0.hasPrefix("run/") }.map {
            $0.split(separator: "/").dropFirst(2).joined(separator: " ")
        }
        #expect(
            places == [
                "fiber:0", "test:place-test%2Fa#0 fiber:0", "test:place-test%2Fa#0 fiber:1",
                "test:place-test%2Fa#1 fiber:0",
                "test:place-test%2Fa#1 fiber:1", "fiber:1", "test:place-test%2Fb#0 fiber:0",
                "test:place-test%2Fb#1 fiber:0",
            ], "\(found.screen.all)")
    }

    /// A fault that no test waits for is a failure, too.
    @Test func whatNobodyHandlesFails() throws {
        let folder = try ScratchFolder([
            "go_test.slu": """
            (ns go-test (:require [clojure.test :as t] [clojure.core.async :as a]))
            (t/deftest starts (a/go (throw (ex-info "lost" {}))) (a/<! (a/timeout 10)) (t/is true))
            """
        ])
        let found = run(["go_test.slu"], in: folder) { $0.settings.schedule = .virtual(seed: 1) }
        #expect(found.code == 1)
        #expect(found.screen.error.contains("lost"))
    }
}
