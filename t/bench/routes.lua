-- For wrk: asks for random routes of random hosts, as make bench configures them.
--
--	wrk -s routes.lua http://127.0.0.1:8080 -- HOSTS ROUTES

local hosts, routes

function init(args)
	hosts, routes = tonumber(args[1]), tonumber(args[2])
end

function request()
	local host = "h" .. math.random(hosts) .. ".test"
	local path = "/128/r" .. math.random(routes) .. "/x"

	return wrk.format("GET", path, { Host = host })
end
