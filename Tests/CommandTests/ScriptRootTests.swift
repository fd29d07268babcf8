import Foundation
import Testing

@testable import Command

/// Namespaces of a script that is run from elsewhere: its `ns` says which folder they stand below.
@Suite struct ScriptRootTests {
    private static let files = [
        "src/my_app/main.slu": """
        (ns my-app.main (:require [my-app.side-door :as side]))
        (defchannel :a)
        (println "open" (side/open))
        """,
        "src/my_app/side_door.slu": "(ns my-app.side-door)\n(defn open [] :wide)\n",
        "test/my_app/side_door_test.slu": """
        (ns my-app.side-door-test
          (:require [clojure.test :as t] [my-app.knocking :as knocking]))
        (t/deftest opens (t/is (= :knock knocking/sound)))
        """,
        "test/my_app/knocking.slu": "(ns my-app.knocking)\n(def sound :knock)\n",
        "src/my_app/broken.slu": "(ns my-app.broken (:require [my-app.nowhere :as n]))\n(defn f [] (n/x) (n/y))\n",
    ]

    private func screen(_ body: (Console, ScratchFolder) -> Int32) throws -> (code: Int32, screen: Screen) {
        let folder = try ScratchFolder(Self.files)
        let screen = Screen()
        let console = screen.console()
        let code = body(console, folder)
        console.close()
        return (code, screen)
    }

    @Test func run() throws {
        let found = try screen { console, folder in
            SessionDriver().run(RunRequest(.file(folder.path("src/my_app/main.slu"))), RunControl(console))
        }
        #expect(found.code == 0)
        #expect(found.screen.all == "open :wide\n")
    }

    @Test func check() throws {
        let found = try screen { console, folder in
            SessionDriver().check(folder.path("src/my_app/main.slu"), json: false, console)
        }
        #expect(found.code == 0)
        #expect(found.screen.output.hasSuffix("main.slu: no errors, 1 to look at\n"))
    }

    @Test func graph() throws {
        let found = try screen { console, folder in
            SessionDriver().graph(folder.path("src/my_app/main.slu"), .json, console)
        }
        #expect(found.code == 0)
        #expect(found.screen.error == "open :wide\n")
    }

    @Test func test() throws {
        let found = try screen { console, folder in
            SessionDriver().test(
                TestRequest(paths: [folder.path("test/my_app/side_door_test.slu")]), RunControl(console))
        }
        #expect(found.code == 0)
        #expect(found.screen.output.contains("Ran 1 tests containing 1 assertions."))
    }

    /// One cause, one error.
    @Test func whatIsMissingIsToldOnce() throws {
        let found = try screen { console, folder in
            SessionDriver().check(folder.path("src/my_app/broken.slu"), json: false, console)
        }
        #expect(found.code == 2)
        #expect(found.screen.output.contains("broken.slu:1:30: error: cannot find the namespace my-app.nowhere\n"))
        #expect(found.screen.output.hasSuffix("broken.slu: 1 error\n"))
    }
}
